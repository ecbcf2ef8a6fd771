"""Comparing arms: paired by task and seed, with intervals, and honest about how little a suite can see.

Tables are arm -> task -> regrets, one per seed; seeds are paired across arms. Sources: Agarwal et al., NeurIPS 2021
(interquartile mean, stratified bootstrap, probability of improvement); Demsar, JMLR 2006 and Benavoli et al., JMLR 2016
(Wilcoxon signed-rank with Holm's correction, critical-difference diagrams).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..agent.statistics import Interval, holm

Values = NDArray[np.float64]
ByTask = Mapping[str, Values]
RESAMPLES = 2000
LEVEL = 0.05
POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """An arm against the reference; differences below 0 are better.

    `p` is Wilcoxon's over the pairs, `adjusted` Holm's correction of it for the number of arms. `verdict` is 'better',
    'worse' or 'no difference shown'. `relative` is the difference as a share of the reference's mean regret.
    """

    arm: str
    difference: Interval
    relative: float
    p: float
    adjusted: float
    improvement: Interval
    wins: int
    ties: int
    losses: int
    verdict: str


@dataclass(frozen=True)
class Resolution:
    """What a suite can see: the smallest difference found with 80 % power, and seeds missing for one of 5 %."""

    smallest: float
    relative: float
    seeds_for_5_percent: int | None


def iqm(values: Values) -> float:
    """Return the interquartile mean: the mean of the middle half."""
    return float(stats.trim_mean(values, 0.25))


def interquartile_mean(table: ByTask, seed: int = 0) -> Interval:
    """Return the interquartile mean over all runs; seeds are resampled within each task."""
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([_resampled(values, rng) for values in table.values()], axis=1)
    means = stats.trim_mean(drawn, 0.25, axis=1)
    return _interval(iqm(np.concatenate(list(table.values()))), means)


def mean(table: ByTask, seed: int = 0) -> Interval:
    """Return the mean over tasks of the mean over seeds."""
    rng = np.random.default_rng(seed)
    drawn = np.mean([_resampled(values, rng).mean(axis=1) for values in table.values()], axis=0)
    return _interval(float(np.mean([values.mean() for values in table.values()])), drawn)


def compare(table: Mapping[str, ByTask], reference: str, seed: int = 0) -> list[Comparison]:
    """Return every other arm's comparison with the reference."""
    others = [arm for arm in table if arm != reference]
    raw = [_wilcoxon(differences(table[arm], table[reference])) for arm in others]
    return [
        _comparison(arm, table[arm], table[reference], p, adjusted, seed)
        for arm, p, adjusted in zip(others, raw, holm(raw), strict=True)
    ]


def differences(arm: ByTask, reference: ByTask) -> Values:
    """Return arm minus reference for every pair of task and seed."""
    return np.concatenate([arm[task] - reference[task] for task in reference])


def probability_of_improvement(arm: ByTask, reference: ByTask, seed: int = 0) -> Interval:
    """Return how probable it is that the arm's run beats the reference's on a task, averaged over tasks."""
    rng = np.random.default_rng(seed)
    point, drawn = [], []
    for task, theirs in reference.items():
        beaten = _beaten(arm[task], theirs)
        point.append(beaten.mean())
        mine, other = _weights(len(arm[task]), rng), _weights(len(theirs), rng)
        drawn.append(np.sum((mine @ beaten) * other, axis=1))  # each resample's mean over its pairs
    return _interval(float(np.mean(point)), np.mean(drawn, axis=0))


def ranks(table: Mapping[str, ByTask]) -> dict[str, float]:
    """Return each arm's average rank over tasks and seeds; 1 is best, ties share."""
    stacked = np.array([np.concatenate(list(by_task.values())) for by_task in table.values()])
    found = stats.rankdata(stacked, axis=0).mean(axis=1)
    return dict(zip(table, map(float, found), strict=True))


def friedman(table: Mapping[str, ByTask]) -> float:
    """Return the p-value of Friedman's test that all arms rank alike; 1 where it cannot be computed."""
    if len(table) < 3:
        return 1.0
    stacked = [np.concatenate(list(by_task.values())) for by_task in table.values()]
    p = float(stats.friedmanchisquare(*stacked).pvalue) if len(stacked[0]) > 1 else 1.0
    return 1.0 if math.isnan(p) else p


def cliques(table: Mapping[str, ByTask]) -> list[list[str]]:
    """Return the groups of arms, by rank, within which no pair differs significantly (Wilcoxon with Holm)."""
    order = sorted(table, key=ranks(table).__getitem__)
    pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    adjusted = holm([_wilcoxon(differences(table[a], table[b])) for a, b in pairs])
    alike = {pair for pair, p in zip(pairs, adjusted, strict=True) if p >= LEVEL}
    found: list[list[str]] = []
    for start in range(len(order)):
        end = start
        while end + 1 < len(order) and all((order[i], order[end + 1]) in alike for i in range(start, end + 1)):
            end += 1
        group = order[start : end + 1]
        if len(group) > 1 and not any(set(group) <= set(larger) for larger in found):
            found.append(group)
    return found


def resolution(arm: ByTask, reference: ByTask) -> Resolution:
    """Return what this suite can see, from the spread of the paired differences within tasks."""
    tasks, seeds = len(reference), min(len(values) for values in reference.values())
    spreads = [float(np.var(arm[task] - reference[task], ddof=1)) for task in reference if len(reference[task]) > 1]
    base = float(np.mean([values.mean() for values in reference.values()]))
    if not spreads:
        return Resolution(math.inf, math.inf, None)
    factor = float(stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER))
    deviation = math.sqrt(float(np.mean(spreads)))
    smallest = factor * deviation / math.sqrt(tasks * seeds)
    wanted = 0.05 * base
    needed = math.ceil((factor * deviation / wanted) ** 2 / tasks) if wanted > 0 else None
    missing = None if needed is None else max(0, needed - seeds)
    return Resolution(smallest, smallest / base if base > 0 else math.inf, missing)


def _comparison(arm: str, mine: ByTask, theirs: ByTask, p: float, adjusted: float, seed: int) -> Comparison:
    rng = np.random.default_rng(seed)
    apart = {task: mine[task] - theirs[task] for task in theirs}
    drawn = np.mean([_resampled(values, rng).mean(axis=1) for values in apart.values()], axis=0)
    difference = _interval(float(np.mean([values.mean() for values in apart.values()])), drawn)
    base = float(np.mean([values.mean() for values in theirs.values()]))
    per_task = [(_wilcoxon(values) < LEVEL, float(values.mean())) for values in apart.values()]
    told = adjusted < LEVEL
    verdict = "no difference shown"
    if told and difference.high < 0:
        verdict = "better"
    elif told and difference.low > 0:
        verdict = "worse"
    return Comparison(
        arm=arm,
        difference=difference,
        relative=difference.value / base if base > 0 else 0.0,
        p=p,
        adjusted=adjusted,
        improvement=probability_of_improvement(mine, theirs, seed),
        wins=sum(value < 0 for _told, value in per_task),
        ties=sum(value == 0 for _told, value in per_task),
        losses=sum(value > 0 for _told, value in per_task),
        verdict=verdict,
    )


def _wilcoxon(values: Values) -> float:
    """Return the two-sided p-value that paired differences are centred at 0; 1 when all are 0."""
    if not np.any(values):
        return 1.0
    return float(stats.wilcoxon(values, zero_method="pratt", method="approx" if len(values) > 20 else "auto").pvalue)


def _beaten(arm: Values, reference: Values) -> Values:
    """Return for each pair of runs 1 where the arm's value is smaller, 0.5 on a tie, else 0."""
    return np.asarray((arm[:, None] < reference) + 0.5 * (arm[:, None] == reference))


def _weights(runs: int, rng: np.random.Generator) -> Values:
    """Return bootstrap samples as the share that each run has in them, shape (resamples, runs)."""
    drawn = rng.integers(0, runs, (RESAMPLES, runs)) + runs * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * runs).reshape(RESAMPLES, runs) / runs


def _resampled(values: Values, rng: np.random.Generator) -> Values:
    """Return bootstrap samples, shape (resamples, seeds)."""
    return np.asarray(values[rng.integers(0, len(values), (RESAMPLES, len(values)))])


def _interval(value: float, drawn: Values) -> Interval:
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    return Interval(value, float(low), float(high))
