"""Random search: the baseline every other strategy has to beat."""

from optuna.samplers import RandomSampler

from .base import Setting


def build(setting: Setting) -> RandomSampler:
    """Return uniform sampling."""
    return RandomSampler(seed=setting.seed)
