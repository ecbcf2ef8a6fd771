"""The smallest set of tasks that ranks the arms as the whole suite does, and how well it does."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .results import Results
from .statistics import Values

_EXHAUSTIVE = 14


@dataclass(frozen=True)
class Subset:
    """Tasks, the rank correlation (Kendall's tau) of their ranking with the whole suite's, and how often, over
    bootstrap samples of the seeds, they name the same best arm."""

    tasks: list[str]
    tau: float
    same_best: float


def subsets(results: Results, resamples: int = 500) -> list[Subset]:
    """Return the best set of each size, from one task up to the first that ranks exactly as the whole suite."""
    table = results.regrets(results.marks[-1])
    arms, tasks = list(table), results.tasks
    means = np.array([[table[arm][task].mean() for task in tasks] for arm in arms])
    whole = means.mean(axis=1)
    rng = np.random.default_rng(0)
    drawn = np.array(
        [
            [[rng.choice(table[arm][task], len(table[arm][task])).mean() for task in tasks] for arm in arms]
            for _ in range(resamples)
        ]
    )
    found: list[Subset] = []
    for size in range(1, len(tasks) + 1):
        options: Iterable[tuple[int, ...]] = itertools.combinations(range(len(tasks)), size)
        if len(tasks) > _EXHAUSTIVE:  # grow the best set of the size before
            base = [tasks.index(task) for task in found[-1].tasks] if found else []
            options = [tuple(sorted([*base, extra])) for extra in range(len(tasks)) if extra not in base]
        judged = [(_tau(means[:, list(option)].mean(axis=1), whole), option) for option in options]
        tau, option = max(judged, key=lambda pair: (pair[0], [-index for index in pair[1]]))
        best = drawn[:, :, list(option)].mean(axis=2).argmin(axis=1)
        found.append(Subset([tasks[index] for index in option], tau, float((best == whole.argmin()).mean())))
        if tau >= 1.0 - 1e-9:
            break
    return found


def _tau(one: Values, other: Values) -> float:
    if len(one) < 2:
        return 1.0
    tau = float(stats.kendalltau(one, other).statistic)
    return 0.0 if np.isnan(tau) else tau
