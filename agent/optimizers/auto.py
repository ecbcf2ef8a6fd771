"""Chooses a strategy from the space and the budget.

Gaussian processes lead on small budgets over numeric spaces without conditions and cost seconds per suggestion
beyond a few hundred trials; TPE takes every space and budget.
"""

from importlib.util import find_spec

from optuna.samplers import BaseSampler

from . import SAMPLERS
from .base import Setting


def build(setting: Setting) -> BaseSampler:
    """Return the sampler that `choose` names."""
    sampler: BaseSampler = SAMPLERS[choose(setting)](setting)
    return sampler


def choose(setting: Setting) -> str:
    """Return the name of the strategy for a setting."""
    numeric = all(parameter.type in {"float", "int", "ordinal"} for parameter in setting.space.parameters.values())
    unconditional = not setting.space.conditions
    if numeric and unconditional and setting.trials <= 200 and find_spec("torch") is not None:
        return "gp"
    return "tpe"
