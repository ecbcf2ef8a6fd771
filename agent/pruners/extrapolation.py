"""Stops a trial whose learning curve, extrapolated, will not reach the best final value.

After Domhan et al. (IJCAI 2015), with one family of curves, a + b * step ** -c: for a fixed exponent it is linear, so
the fit is a small grid of least squares and needs no starting values.
"""

import math

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .base import PruningSetting

_EXPONENTS = np.linspace(0.1, 2.0, 39)
_POINTS = 5
_SPREADS = 3.0


class ExtrapolationPruner(BasePruner):
    """Prunes when even an optimistic end of the curve (three standard errors better) is worse than the best trial."""

    def __init__(self, high: int, low: int = 1) -> None:
        """`high` is the last step; before `low`, and with fewer than five values, nothing is pruned."""
        self.high, self.low = high, low

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to stop the trial now."""
        steps = sorted(trial.intermediate_values)
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        finals = [each.value for each in done if each.value is not None]
        if len(steps) < _POINTS or steps[-1] < self.low or not finals:
            return False
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        values = np.array([sign * trial.intermediate_values[step] for step in steps])
        end, error = extrapolate(np.array(steps, dtype=float) + (1 - min(steps[0], 1)), values, float(self.high))
        return end - _SPREADS * error > min(sign * value for value in finals)


def extrapolate(steps: NDArray[np.float64], values: NDArray[np.float64], to: float) -> tuple[float, float]:
    """Return the fitted curve's value at step `to` and its standard error, averaged over plausible exponents.

    `steps` start at 1 or later. The error counts the residuals and how far apart the exponents' answers are.
    """
    ends, errors, fits = [], [], []
    for exponent in _EXPONENTS:
        design = np.column_stack([np.ones_like(steps), steps**-exponent])
        solution, *_ = np.linalg.lstsq(design, values, rcond=None)
        residual = values - design @ solution
        variance = float(residual @ residual) / max(1, len(values) - 3)
        at = np.array([1.0, to**-exponent])
        covariance = np.linalg.pinv(design.T @ design) * variance
        ends.append(float(at @ solution))
        errors.append(float(at @ covariance @ at) + variance / len(values))
        fits.append(float(residual @ residual))
    scale = max(min(fits), 1e-18)
    freedom = max(1, len(values) - 3)
    weights = np.array([(max(fit, 1e-18) / scale) ** (-0.5 * freedom) for fit in fits])
    weights /= weights.sum()
    mean = float(weights @ np.array(ends))
    spread = float(weights @ (np.array(errors) + (np.array(ends) - mean) ** 2))
    return mean, math.sqrt(spread)


def build(setting: PruningSetting) -> ExtrapolationPruner:
    """Return the pruner."""
    return ExtrapolationPruner(setting.high, setting.low)
