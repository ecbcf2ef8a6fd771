"""Quasi-Monte Carlo: scrambled Sobol points (Bergstra & Bengio, JMLR 2012), evenly spread over the space."""

from optuna.samplers import QMCSampler

from . import random
from .base import Setting


def build(setting: Setting) -> QMCSampler:
    """Return the Sobol sampler; categorical parameters are drawn at random."""
    return QMCSampler(
        qmc_type="sobol",
        scramble=True,
        seed=setting.seed,
        independent_sampler=random.build(setting),
        warn_independent_sampling=False,
        warn_asynchronous_seeding=False,
    )
