"""Desirability: several objectives as one score between 0 (useless) and 1 (nothing better is wanted).

Derringer & Suich, "Simultaneous optimization of several response variables", Journal of Quality Technology 1980: each
metric is mapped to [0, 1] and the weighted geometric mean is taken, so that one useless metric makes all useless.
"""

import math
from collections.abc import Sequence


def larger(value: float, low: float, high: float, shape: float) -> float:
    """Return 0 below `low`, 1 above `high`; in between it rises, late with a `shape` above 1, early below 1."""
    return _ramp((value - low) / (high - low), shape)


def smaller(value: float, low: float, high: float, shape: float) -> float:
    """Return 1 below `low`, 0 above `high`."""
    return _ramp((high - value) / (high - low), shape)


def between(value: float, low: float, inside: tuple[float, float], high: float, shape: float) -> float:
    """Return 1 within `inside` (a box, or a target when both ends are equal), falling to 0 at `low` and `high`."""
    if value < inside[0]:
        return larger(value, low, inside[0], shape)
    return smaller(value, inside[1], high, shape) if value > inside[1] else 1.0


def overall(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted geometric mean of desirabilities."""
    if min(scores) <= 0:
        return 0.0
    total = sum(weights)
    return math.exp(sum(w * math.log(score) for score, w in zip(scores, weights, strict=True)) / total)


def _ramp(share: float, shape: float) -> float:
    return float(min(1.0, max(0.0, share)) ** shape)
