"""The optimizer's state in words and numbers: models lose track of it, so it is shown to them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation, fmean, stdev
from typing import Protocol

from ..study.space import Configuration, Space
from ..study.words import short, words
from ..trials.history import History
from ..trials.trial import Trial

_GOOD_SHARE, _GOOD_MOST, _ENOUGH = 0.2, 25, 8
_CANDIDATES = 3
_TELLING = 0.75
"""The share of the good trials that must have the same choice to say something."""


class Informed(Protocol):
    """What is asked of an optimizer."""

    names: list[str]

    def forecast(self, configurations: Sequence[Configuration]) -> list[tuple[float, float, float]] | None: ...
    def candidates(self, count: int) -> list[Configuration]: ...


@dataclass(frozen=True)
class OptimizerState:
    """What a sampler knows, once it has enough results: what it expects of the incumbent and of what it would try, and
    where the best fifth of the trials are, in space units."""

    name: str
    candidates: tuple[Configuration, ...] = ()
    forecasts: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    correlations: tuple[str, ...] = ()


def describe(optimizer: Informed, history: History) -> OptimizerState:
    """Return the state of an optimizer after the trials of a history."""
    name, space = optimizer.names[0], history.study.space
    if sum(trial.state == "complete" for trial in history.trials) < _ENOUGH:
        return OptimizerState(name)
    good, lines = good_trials(history), []
    if len(good) > 2:
        lines = [line for parameter in space.parameters if (line := _spread(space, parameter, good))]
        lines = [f"among the best {len(good)} trials:", *lines] if lines else []
    candidates = optimizer.candidates(_CANDIDATES)
    forecasts = _forecasts(optimizer, history, candidates)
    return OptimizerState(name, tuple(candidates), forecasts, tuple(lines), tuple(_correlations(space, good)))


def _forecasts(optimizer: Informed, history: History, candidates: Sequence[Configuration]) -> tuple[str, ...]:
    """Return what the optimizer expects of the incumbent and of its candidates, as lines."""
    best, objective = history.incumbent, history.study.objectives[0]
    expected = optimizer.forecast([*([best.configuration] if best else []), *candidates])
    if expected is None or best is None or history.study.by_desirability:
        return ()

    def value(loss: float) -> str:
        return f"{objective.metric_of(loss):.5g}"

    named = [f"the best, trial {best.number}", *(f"it would try {words(each)}" for each in candidates)]
    said = "distance from the goal " if objective.aim is not None else ""
    return tuple(
        f"{what}: it expects {said}{value(middle)} ({value(low)} to {value(high)})"
        for what, (middle, low, high) in zip(named, expected, strict=True)
    )


def good_trials(history: History) -> list[Trial]:
    """Return the best fifth of the complete trials by the first objective, 2 to 25 of them."""
    complete = sorted((t for t in history.trials if t.state == "complete"), key=history.losses)
    return complete[: max(2, min(_GOOD_MOST, round(_GOOD_SHARE * len(complete))))]


def _spread(space: Space, name: str, good: Sequence[Trial]) -> str:
    values = [trial.configuration[name] for trial in good if name in trial.configuration]
    if not values:
        return ""
    if space.parameters[name].type in {"float", "int"}:
        numbers = [float(value) for value in values]
        return f"{name}: mean {fmean(numbers):.4g}, spread {stdev(numbers) if len(numbers) > 1 else 0:.3g}"
    counts = Counter(map(short, values)).most_common(4)
    if counts[0][1] < _TELLING * len(values):
        return ""
    return f"{name}: {', '.join(f'{value} {count}x' for value, count in counts)}"


def _correlations(space: Space, good: Sequence[Trial]) -> list[str]:
    """Return the strongest correlations between numeric parameters in the good trials, at most six."""
    numeric = [name for name, p in space.parameters.items() if p.type in {"float", "int"}][:20]
    columns = {
        name: [float(trial.configuration[name]) for trial in good]
        for name in numeric
        if all(name in trial.configuration for trial in good)
    }
    usable = [name for name, column in columns.items() if len(set(column)) > 1 and len(column) > 3]
    pairs = [(correlation(columns[a], columns[b]), a, b) for i, a in enumerate(usable) for b in usable[i + 1 :]]
    pairs.sort(key=lambda pair: -abs(pair[0]))
    return [f"correlation of {a} and {b}: {r:+.2f}" for r, a, b in pairs[:6] if abs(r) >= 0.3]
