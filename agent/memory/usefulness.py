"""Is memory any good? Studies that used it against those that a lottery made do without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..study.sections import Study
from ..study.stored import read_definition
from ..trials.history import History
from .lessons import state_of
from .store import Store

_NEARLY = 0.95
"""The share of a study's gain that it must have reached."""
_RESAMPLES = 4000


@dataclass(frozen=True)
class Usefulness:
    """Trials to 95 % of a study's own gain, with and without memory, as medians; `saved` has a 95 % interval.

    None where there are too few studies. `harmed` is the share of memory's trials that were worse than the default.
    """

    studies: int
    by_lottery: int
    with_memory: float | None
    without: float | None
    saved: tuple[float, float, float] | None
    memory_trials: int
    harmed: float | None
    lessons: int
    quarantined: int


def usefulness(store: Store) -> Usefulness:
    """Return what the store tells."""
    needed: dict[bool, list[int]] = {True: [], False: []}
    worse: list[bool] = []
    studies = lottery = 0
    for each in store.studies():
        if each.state != "finished" or each.memory not in {"on", "lottery"}:
            continue
        study = _study_of(each.definition, each.definition_version)
        if study is None or study.goals > 1:
            continue
        history = History(study, store.trials(each.id))
        used = [trial for trial in history.trials if trial.because and trial.state == "complete"]
        default = history.default
        if default is None or default.state != "complete":
            continue
        studies += 1
        lottery += each.memory == "lottery"
        worse += [history.losses(trial) > history.losses(default) for trial in used]
        count = trials_to_most_of_the_gain(history)
        if count is not None and (used or each.memory == "lottery"):
            needed[each.memory == "on"].append(count)
    known = store.lessons()
    return Usefulness(
        studies,
        lottery,
        float(np.median(needed[True])) if needed[True] else None,
        float(np.median(needed[False])) if needed[False] else None,
        _saved(needed[False], needed[True]),
        len(worse),
        float(np.mean(worse)) if worse else None,
        len(known),
        sum(state_of(lesson) == "quarantined" for lesson in known),
    )


def trials_to_most_of_the_gain(history: History) -> int | None:
    """Return after how many trials a study had 95 % of what it gained; None where it gained nothing."""
    default = history.default
    if default is None or default.state != "complete":
        return None
    start, best = history.losses(default)[0], history.losses(default)[0]
    reached = []
    for trial in history.trials:
        if trial.state == "complete":
            best = min(best, history.losses(trial)[0])
        reached.append(best)
    if best >= start:
        return None
    limit = start - _NEARLY * (start - best)
    return 1 + next(index for index, value in enumerate(reached) if value <= limit)


def _saved(without: Sequence[int], with_memory: Sequence[int]) -> tuple[float, float, float] | None:
    """Return the difference of the means with a 95 % bootstrap interval; None with fewer than 5 on a side."""
    if min(len(without), len(with_memory)) < 5:
        return None
    rng = np.random.default_rng(0)
    draws = [
        rng.choice(without, len(without)).mean() - rng.choice(with_memory, len(with_memory)).mean()
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(np.mean(without) - np.mean(with_memory)), float(low), float(high)


def _study_of(definition: dict[str, Any], version: int) -> Study | None:
    reading = read_definition(definition, version, Path())
    return reading.study if reading.comparable and not reading.left_out else None
