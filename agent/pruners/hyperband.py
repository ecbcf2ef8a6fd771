"""Hyperband (Li et al., JMLR 2018): brackets of successive halving that start at different steps."""

from optuna.pruners import HyperbandPruner

from .base import PruningSetting


def build(setting: PruningSetting) -> HyperbandPruner:
    """Return Optuna's pruner."""
    return HyperbandPruner(min_resource=setting.low, max_resource=setting.high, reduction_factor=setting.eta)
