"""NSGA-II (Deb et al., IEEE TEC 2002): an evolutionary search for a Pareto front."""

from optuna.samplers import NSGAIISampler

from .base import Setting


def build(setting: Setting) -> NSGAIISampler:
    """Return Optuna's sampler; a population is a fifth of the budget, 8 to 50."""
    return NSGAIISampler(seed=setting.seed, population_size=population(setting))


def population(setting: Setting) -> int:
    """Return how many trials make a generation."""
    return max(8, min(50, setting.trials // 5))
