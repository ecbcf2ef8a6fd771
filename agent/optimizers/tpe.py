"""Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), multivariate, grouped by condition."""

from optuna.samplers import TPESampler

from .base import Setting


def build(setting: Setting) -> TPESampler:
    """Return TPE; a short budget gets fewer random trials first."""
    return TPESampler(
        seed=setting.seed,
        multivariate=True,
        group=True,
        constant_liar=setting.workers > 1,
        n_startup_trials=max(4, min(10, setting.trials // 4)),
    )
