"""NSGA-III (Deb & Jain, IEEE TEC 2014): NSGA-II with reference points, for three and more objectives."""

from optuna.samplers import NSGAIIISampler

from .base import Setting
from .nsga2 import population


def build(setting: Setting) -> NSGAIIISampler:
    """Return Optuna's sampler."""
    return NSGAIIISampler(seed=setting.seed, population_size=population(setting))
