"""Paired comparison of two configurations with a bootstrap interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .study.sections import Objective

CONFIDENCE = 0.95
MIN_PAIRS = 5
"""Fewer pairs cannot tell a difference from luck: even five that all agree do so by chance once in 32 times."""


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval."""

    value: float
    low: float
    high: float


def gain_ratio(objective: Objective, before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Return how many times better `after` is than `before`, pair by pair (geometric mean); above 1 is better.

    For minimised metrics that is before / after, for maximised ones after / before, for targets the ratio of the
    distances. None where a ratio has no meaning, because the values are not all positive.
    """
    gains = [gain for a, b in zip(before, after, strict=True) if (gain := objective.gain(a, b)) is not None]
    if not gains or len(gains) < len(before):
        return None
    interval = bootstrap_mean([math.log(gain) for gain in gains])
    return Interval(math.exp(interval.value), math.exp(interval.low), math.exp(interval.high))


def gain_difference(objective: Objective, before: Sequence[float], after: Sequence[float]) -> Interval:
    """Return by how much `after` is better than `before`, pair by pair, in the metric's unit; above 0 is better."""
    return bootstrap_mean([objective.loss(a) - objective.loss(b) for a, b in zip(before, after, strict=True)])


def bootstrap_mean(values: Sequence[float]) -> Interval:
    """Return the mean of `values` with its BCa bootstrap interval (Efron, JASA 1987) at 95 %."""
    mean = fmean(values)
    if len(values) < 2 or max(values) - min(values) <= 1e-12 * max(1e-300, abs(mean)):
        return Interval(mean, mean, mean)
    from scipy.stats import bootstrap

    found = bootstrap(
        (list(values),),
        lambda x, axis: x.mean(axis=axis),
        confidence_level=CONFIDENCE,
        n_resamples=9999,
        rng=0,
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    if math.isnan(low) or math.isnan(high):  # BCa's acceleration is undefined for some degenerate samples
        low, high = min(values), max(values)
    return Interval(mean, low, high)
