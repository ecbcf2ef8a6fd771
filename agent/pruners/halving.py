"""Asynchronous successive halving (Li et al., MLSys 2020)."""

from optuna.pruners import SuccessiveHalvingPruner

from .base import PruningSetting


def build(setting: PruningSetting) -> SuccessiveHalvingPruner:
    """Return Optuna's pruner."""
    return SuccessiveHalvingPruner(min_resource=setting.low, reduction_factor=setting.eta)
