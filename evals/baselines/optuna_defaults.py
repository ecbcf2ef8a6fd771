"""Optuna's samplers as Optuna sets them up, with a seed and nothing else."""

from importlib.util import find_spec

from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from ...agent.optimizers.base import Setting
from ...tools.errors import InputError


def tpe(setting: Setting) -> BaseSampler:
    """Return Optuna's default sampler."""
    return TPESampler(seed=setting.seed)


def gp(setting: Setting) -> BaseSampler:
    """Return Optuna's Gaussian process.

    Raises:
        InputError: PyTorch is not installed.
    """
    if find_spec("torch") is None:
        raise InputError("sampler 'optuna-gp' needs PyTorch", "pip install 'trimtab[gp]'")
    return GPSampler(seed=setting.seed)


def cmaes(setting: Setting) -> BaseSampler:
    """Return Optuna's CMA-ES; categorical parameters are drawn at random."""
    random = RandomSampler(seed=setting.seed)
    return CmaEsSampler(seed=setting.seed, independent_sampler=random, warn_independent_sampling=False)
