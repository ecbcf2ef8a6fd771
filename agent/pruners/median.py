"""The median rule (Golovin et al., KDD 2017): stop what is worse than the median of earlier trials at this step."""

from optuna.pruners import MedianPruner

from .base import PruningSetting


def build(setting: PruningSetting) -> MedianPruner:
    """Return Optuna's pruner; the first four trials run to their end."""
    return MedianPruner(n_startup_trials=4, n_warmup_steps=setting.low)
