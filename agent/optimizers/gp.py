"""Gaussian-process Bayesian optimization, Optuna's own. Needs the extra `gp` (PyTorch)."""

from importlib.util import find_spec

from optuna.samplers import GPSampler

from ...tools.errors import InputError
from .base import Setting


def build(setting: Setting) -> GPSampler:
    """Return the Gaussian-process sampler.

    Raises:
        InputError: PyTorch is not installed.
    """
    if find_spec("torch") is None:
        raise InputError("sampler 'gp' needs PyTorch", "pip install 'trimtab[gp]'")
    startup = max(4, min(10, setting.trials // 4))
    return GPSampler(seed=setting.seed, n_startup_trials=startup, warn_independent_sampling=False)
