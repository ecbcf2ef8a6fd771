"""Chooses a strategy from the space and the budget.

Measured on six tables of real systems (PostgreSQL, 7-Zip, LLVM, ExaStencils, dconvert, x264; `python -m
trimtab.evals.bench samplers` repeats it): on budgets of 25 and 50 trials the Gaussian process of `kriging` leaves
less regret than TPE on average. A suggestion of it grows dearer with the history, and it takes one objective; TPE
takes everything else.
"""

from optuna.samplers import BaseSampler

from . import SAMPLERS
from .base import Setting

MOST_TRIALS = 200
MOST_PARAMETERS = 60


def build(setting: Setting) -> BaseSampler:
    """Return the sampler that `choose` names."""
    sampler: BaseSampler = SAMPLERS[choose(setting)](setting)
    return sampler


def choose(setting: Setting) -> str:
    """Return the name of the strategy for a setting."""
    small = setting.trials <= MOST_TRIALS and len(setting.space.parameters) <= MOST_PARAMETERS
    return "kriging" if setting.objectives == 1 and small else "tpe"
