"""How good a planner's predictions were: coverage of its intervals, and rank correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..trials.trial import Trial


@dataclass(frozen=True)
class Calibration:
    """Past predictions against results. `coverage` is the share inside the interval (0.9 was asked for).

    `rank_correlation` (Spearman) is None with fewer than three predictions, or where all are equal.
    """

    predictions: int
    coverage: float
    rank_correlation: float | None

    def __str__(self) -> str:
        ranks = "" if self.rank_correlation is None else f", rank correlation {self.rank_correlation:+.2f}"
        return f"{self.coverage:.0%} of {self.predictions} results were inside the predicted interval{ranks}"


def calibrate(trials: Sequence[Trial], metric: str) -> Calibration | None:
    """Return the calibration of the predictions of one metric; None without any."""
    pairs = [
        (trial.predicted[metric], trial.metrics[metric])
        for trial in trials
        if trial.state in {"complete", "infeasible"}  # one that was stopped early measured something else
        and metric in trial.predicted
        and metric in trial.metrics
    ]
    if not pairs:
        return None
    inside = sum(low <= actual <= high for (_expected, low, high), actual in pairs)
    return Calibration(len(pairs), inside / len(pairs), _spearman([(p[0], actual) for p, actual in pairs]))


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    expected, actual = [a for a, _ in pairs], [b for _, b in pairs]
    if len(pairs) < 3 or len(set(expected)) < 2 or len(set(actual)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(expected, actual).statistic)
