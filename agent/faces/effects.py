"""What the trials say of each parameter: where along its range results were good."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ...tools.expressions import Value
from ..optimizers.encoding import to_unit
from ..study.parameters import Parameter
from ..study.words import short
from ..trials.history import History

_BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
"""Where nothing was tried."""


@dataclass(frozen=True)
class Strip:
    """A parameter's range from left to right in cells: a high bar where results were good."""

    cells: str
    default: int | None
    best: int | None


def strip(history: History, name: str, width: int) -> Strip:
    """Return the effect of a parameter by the median rank of the results in each part of its range."""
    parameter = history.study.parameters[name]
    values = _values(parameter)
    width = min(width, len(values)) if values else width
    done = sorted((t for t in history.trials if t.state == "complete" and name in t.configuration), key=history.losses)
    ranks: list[list[float]] = [[] for _ in range(width)]
    for rank, trial in enumerate(done):
        cell = _cell(parameter, values, trial.configuration[name], width)
        ranks[cell].append(1 - rank / max(1, len(done) - 1))
    cells = "".join(_BARS[round(median(each) * (len(_BARS) - 1))] if each else NOTHING for each in ranks)
    best = history.incumbent.configuration.get(name) if history.incumbent is not None else None
    default = history.study.space.default.get(name)
    places = [_cell(parameter, values, each, width) if each is not None else None for each in (default, best)]
    return Strip(cells, *places)


def _values(parameter: Parameter) -> Sequence[Value]:
    """Return the values of a parameter that has a few without an order of size."""
    if parameter.type == "bool":
        return (False, True)
    return tuple(parameter.choices) if parameter.type in {"categorical", "ordinal"} else ()


def _cell(parameter: Parameter, values: Sequence[Value], value: Value, width: int) -> int:
    if values:
        return min(list(values).index(value), width - 1) if value in values else 0
    return min(width - 1, max(0, int(float(to_unit(parameter, value)) * width)))


def ends(parameter: Parameter) -> str:
    """Return what stands at the ends of a parameter's strip."""
    values = _values(parameter)
    if values:
        return ", ".join(map(short, values))
    low, high = getattr(parameter, "low", None), getattr(parameter, "high", None)
    return f"{short(low)} to {short(high)}" if low is not None and high is not None else ""


def good_range(history: History, name: str) -> tuple[float, float] | None:
    """Return the range of a number in which the best quarter of the results lie, at least three; None for others."""
    if history.study.parameters[name].type not in {"int", "float"}:
        return None
    done = sorted((t for t in history.trials if t.state == "complete" and name in t.configuration), key=history.losses)
    best = [float(trial.configuration[name]) for trial in done[: max(3, len(done) // 4)]]
    return (min(best), max(best)) if best and min(best) < max(best) else None
