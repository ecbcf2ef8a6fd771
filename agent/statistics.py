"""Is one sample better than another: exact procedures for few pairs, each with its source.

Everybody who compares uses these: the verdict, racing, the ablation, the harness. Must not know who asks.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from .study.goals import Objective

CONFIDENCE = 0.95
MIN_PAIRS = 6
"""Fewer pairs prove nothing at 2.5 % without assumptions: even five that all agree do so by chance once in 32 times."""
_EXACT = 200
"""Up to so many pairs the signed-rank distribution is counted; beyond, it is as good as normal."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, of 95 % where nothing else is said."""

    value: float
    low: float
    high: float

    def map(self, function: Callable[[float], float]) -> "Interval":
        """Return the interval of an increasing function of the value."""
        return Interval(function(self.value), function(self.low), function(self.high))


def gain_ratio(objective: Objective, before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Return how many times better `after` is than `before`, pair by pair; above 1 is better.

    For minimised metrics that is before / after, for maximised ones after / before, for targets the ratio of the
    distances. None where a ratio has no meaning, because the values are not all positive.
    """
    gains = [gain for a, b in zip(before, after, strict=True) if (gain := objective.gain(a, b)) is not None]
    if not gains or len(gains) < len(before):
        return None
    return signed_rank([math.log(gain) for gain in gains]).map(math.exp)


def gain_difference(objective: Objective, before: Sequence[float], after: Sequence[float]) -> Interval:
    """Return by how much `after` is better than `before`, pair by pair, in the metric's unit; above 0 is better."""
    return signed_rank([objective.loss(a) - objective.loss(b) for a, b in zip(before, after, strict=True)])


def signed_rank(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the centre of paired differences (Hodges & Lehmann, 1963) with Wilcoxon's exact interval.

    The differences of two equal configurations, measured in pairs, are symmetric around 0 whatever the noise is like:
    that is all the interval needs, so it keeps its level for few pairs, heavy tails and several modes. It excludes 0
    exactly when Wilcoxon's signed-rank test (Biometrics 1945) rejects it on that side. With fewer than `MIN_PAIRS`
    values no interval of 95 % exists; then it is the whole line.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to estimate the centre of")
    walsh = np.sort(_averages(values))
    centre = float(np.median(walsh))
    outside = _allowed_outside(len(values), (1 - confidence) / 2)
    if outside < 0:
        return Interval(centre, -math.inf, math.inf)
    return Interval(centre, float(walsh[outside]), float(walsh[len(walsh) - 1 - outside]))


def signed_rank_p(values: Sequence[float]) -> float:
    """Return the one-sided p-value that paired differences are centred at 0 or below; zeros and ties count against."""
    if not values:
        return 1.0
    return _tail(len(values), int((_averages(values) <= 0).sum()))


def lower_bound(values: Sequence[float], level: float) -> float:
    """Return Student's one-sided lower confidence bound of the mean of values (Biometrika 1908).

    Minus infinity for fewer than two values, which say nothing of their spread.
    """
    if len(values) < 2:
        return -math.inf
    from scipy.stats import t

    return fmean(values) - float(t.ppf(level, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def risk_of_none(p_value: float) -> float:
    """Return the chance that there is no effect, by the p-value of its test, where half of such effects are none.

    Whatever the effects are like, a small p-value speaks against none by no more than -e p ln p (Sellke, Bayarri &
    Berger, The American Statistician 2001). Exact p-values of few pairs are larger than they had to be, which makes up
    for the bound: simulated, it is too small by two points at most.
    """
    if p_value <= 0:
        return 0.0
    if p_value >= math.exp(-1):
        return 0.5
    odds = -math.e * p_value * math.log(p_value)
    return odds / (1 + odds)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm, 1979)."""
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def trend(values: Sequence[float]) -> float:
    """Return the two-sided p-value that values in order of time have no trend (Mann 1945, Kendall's tau); 1 if few."""
    if len(values) < 4 or len(set(values)) < 2:
        return 1.0
    from scipy.stats import kendalltau

    p = float(kendalltau(range(len(values)), values).pvalue)
    return 1.0 if math.isnan(p) else p


def power(effect: float, spread: float, pairs: int, confidence: float = CONFIDENCE, runs: int = 4000) -> float:
    """Return how often `signed_rank` proves an effect, both in the unit of `spread`, the deviation of one difference.

    Simulated with normal noise, the same numbers each time.
    """
    outside = _allowed_outside(pairs, (1 - confidence) / 2)
    if outside < 0:
        return 0.0
    if spread <= 0:
        return float(effect > 0)
    drawn = np.random.default_rng(0).normal(effect / spread, 1.0, (runs, pairs))
    first, second = np.triu_indices(pairs)
    sums = drawn[:, first] + drawn[:, second]
    return float(np.mean((sums <= 0).sum(axis=1) <= outside))


def smallest_effect(spread: float, pairs: int, wanted: float = 0.8) -> float:
    """Return the smallest effect that so many pairs prove with probability `wanted`; infinite with too few pairs."""
    if pairs < MIN_PAIRS:
        return math.inf
    low, high = 0.0, 8.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, 1.0, pairs) < wanted else (low, middle)
    return high * spread


def _averages(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the averages of all pairs of values, each with itself too (Walsh averages)."""
    first, second = np.triu_indices(len(values))
    given = np.asarray(values, dtype=float)
    return np.asarray((given[first] + given[second]) / 2)


def block_contrasts(table: Sequence[Sequence[float]]) -> list[tuple[Interval, float]]:
    """Return how far each row lies below the row before it, with its 95 % interval and two-sided p-value.

    Columns are blocks measured together (seeds). Student's t with the residual variance of all rows pooled (randomised
    blocks, Fisher 1925): a few repeats of each row suffice where many rows share their noise. Values should be on a
    scale on which the noise is about the same everywhere, such as logarithms.

    Raises:
        ValueError: there are fewer than two rows or columns.
    """
    values = np.asarray(table, dtype=float)
    rows, columns = values.shape
    if rows < 2 or columns < 2:
        raise ValueError("contrasts need at least two rows and two columns")
    from scipy.stats import t

    means = values.mean(axis=1)
    residuals = values - means[:, None] - values.mean(axis=0)[None, :] + values.mean()
    freedom = (rows - 1) * (columns - 1)
    error = math.sqrt(float((residuals**2).sum()) / freedom * 2 / columns)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    found = []
    for gain in (float(gain) for gain in means[:-1] - means[1:]):
        p = float(2 * t.sf(abs(gain) / error, freedom)) if error > 0 else float(abs(gain) <= 1e-12)
        found.append((Interval(gain, gain - reach, gain + reach), p))
    return found


@functools.cache
def _allowed_outside(count: int, tail: float) -> int:
    """Return how many averages of pairs may lie on the wrong side of a value that is not rejected; -1 when none may."""
    found = -1
    while found + 1 <= count * (count + 1) // 2 and _tail(count, found + 1) <= tail:
        found += 1
    return found


def _tail(count: int, statistic: int) -> float:
    """Return the probability that the signed-rank sum of `count` symmetric values is at most `statistic`."""
    if count <= _EXACT:
        return float(_distribution(count)[: statistic + 1].sum())
    mean, variance = count * (count + 1) / 4, count * (count + 1) * (2 * count + 1) / 24
    return 0.5 * math.erfc((mean - statistic - 0.5) / math.sqrt(2 * variance))


@functools.cache
def _distribution(count: int) -> NDArray[np.float64]:
    """Return the probabilities of the signed-rank sums 0, 1, ...: each rank counts or not, like a coin."""
    chances = np.zeros(count * (count + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, count + 1):
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return chances
