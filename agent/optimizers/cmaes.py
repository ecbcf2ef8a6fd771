"""Covariance matrix adaptation evolution strategy (Hansen, 2016), for numeric spaces without conditions."""

from optuna.samplers import BaseSampler, CmaEsSampler

from ...tools.errors import InputError
from . import random
from .base import Setting


def build(setting: Setting) -> BaseSampler:
    """Return CMA-ES; parameters it cannot model are drawn at random.

    Raises:
        InputError: the study has several objectives.
    """
    if setting.objectives > 1:
        raise InputError("sampler 'cmaes' takes one objective", "use 'tpe' or 'auto'")
    return CmaEsSampler(
        seed=setting.seed,
        n_startup_trials=1,
        independent_sampler=random.build(setting),
        warn_independent_sampling=False,
    )
