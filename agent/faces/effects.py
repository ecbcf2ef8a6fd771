"""What the trials say of each parameter: where along its range results were good."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from ...tools.expressions import Value
from ..optimizers.encoding import to_unit
from ..study.parameters import FloatParameter, IntParameter, Parameter
from ..study.words import short
from ..trials.history import History
from ..trials.trial import Trial
from .words import BARS

NOTHING = "·"
"""Where nothing was tried."""


@dataclass(frozen=True)
class Strip:
    """A parameter's range from left to right in cells: a high bar where results were good."""

    cells: str
    default: int | None
    best: int | None


@dataclass
class Effects:
    """What a history, as it is at the first question, says of its parameters."""

    history: History

    @cached_property
    def _ranked(self) -> list[Trial]:
        """The complete trials, the best first."""
        complete = [trial for trial in self.history.trials if trial.state == "complete"]
        return sorted(complete, key=self.history.losses)

    def strip(self, name: str, width: int) -> Strip:
        """Return the effect of a parameter by the median rank of the results in each part of its range."""
        history, parameter = self.history, self.history.study.parameters[name]
        values = _values(parameter)
        width = min(width, len(values)) if values else width
        done = [trial.configuration[name] for trial in self._ranked if name in trial.configuration]
        ranks: list[list[float]] = [[] for _ in range(width)]
        for rank, value in enumerate(done):
            ranks[_cell(parameter, values, value, width)].append(1 - rank / max(1, len(done) - 1))
        cells = "".join(BARS[round(median(each) * (len(BARS) - 1))] if each else NOTHING for each in ranks)
        best = history.incumbent.configuration.get(name) if history.incumbent is not None else None
        default = history.study.space.default.get(name)
        places = [_cell(parameter, values, each, width) if each is not None else None for each in (default, best)]
        return Strip(cells, *places)

    def good_range(self, name: str) -> tuple[float, float] | None:
        """Return the range in which the best quarter of the results lie, at least three; None for what is no number."""
        if not isinstance(self.history.study.parameters[name], FloatParameter | IntParameter):
            return None
        done = [float(trial.configuration[name]) for trial in self._ranked if name in trial.configuration]
        best = done[: max(3, len(done) // 4)]
        return (min(best), max(best)) if best and min(best) < max(best) else None


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
    if isinstance(parameter, FloatParameter | IntParameter):
        return f"{short(parameter.low)} to {short(parameter.high)}"
    return ", ".join(map(short, _values(parameter)))
