"""No pruning: every evaluation runs to its end."""

from optuna.pruners import NopPruner

from .base import PruningSetting


def build(_setting: PruningSetting) -> NopPruner:
    """Return the pruner that never prunes."""
    return NopPruner()
