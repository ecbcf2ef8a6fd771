"""The optimizer's state in words and numbers: models lose track of it, so it is shown to them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation, fmean, stdev

from ..study.space import Configuration, Space
from ..study.words import short, words
from ..trials.history import History
from ..trials.trial import Trial

_GOOD_SHARE, _GOOD_MOST = 0.2, 25


@dataclass(frozen=True)
class OptimizerState:
    """A sampler's next suggestion, and where it is looking: the best fifth of the trials, in space units."""

    name: str
    next: Configuration
    lines: tuple[str, ...]
    correlations: tuple[str, ...]


def describe(name: str, suggestion: Configuration, history: History) -> OptimizerState:
    """Return the state of a sampler after the trials of a history."""
    space = history.study.space
    good = good_trials(history)
    lines = [f"next suggestion: {words(suggestion)}"]
    if len(good) >= 2:
        lines.append(f"among the best {len(good)} trials:")
        lines += [line for parameter in space.parameters if (line := _spread(space, parameter, good))]
    return OptimizerState(name, suggestion, tuple(lines), tuple(_correlations(space, good)))


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
