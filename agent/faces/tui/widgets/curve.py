"""The search as a picture: every result, the best so far, the default, failures, and what was checked."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.widgets import Static

from ..themes import palette_of

if TYPE_CHECKING:
    from ....events import StudyFinished
    from ....trials.history import History

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_WIDE = 8.0
"""From so many times between the best and the default on, the scale is logarithmic by itself."""
COLOURS = {
    "best": "green",
    "trial": "cyan",
    "planner": "magenta",
    "default": "yellow",
    "noise": "yellow",
    "failed": "red",
}
"""What the parts of a plot are drawn in where no theme says it."""


@dataclass(frozen=True)
class Marks:
    """What a plot shows beside results: trials of the planner, failed ones, and the checked median."""

    planner: Collection[int] = ()
    failed: Collection[int] = ()
    checked: float | None = None


class Curve(Static, can_focus=True):
    """Results over the trials. `l` changes the scale of the losses."""

    DEFAULT_CSS = "Curve { height: 1fr; padding: 0 1; text-wrap: nowrap; } Curve:focus { background: $boost; }"
    BINDINGS: ClassVar = [Binding("l", "scale", "Log/linear")]

    def __init__(self, *, focusable: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.can_focus = focusable
        self.history: History | None = None
        self.report: StudyFinished | None = None
        self.logarithmic: bool | None = None

    def show(self, history: "History | None", report: "StudyFinished | None" = None) -> None:
        """Draw a history as it is now."""
        self.history, self.report = history, report
        self.refresh()

    def action_scale(self) -> None:
        """Go on to the next scale: by itself, logarithmic, linear."""
        self.logarithmic = {None: True, True: False, False: None}[self.logarithmic]
        self.refresh()

    def render(self) -> RenderResult:
        """Return the plot, as large as the widget."""
        history = self.history
        if history is None or history.study.goals > 1:
            return "no trials yet" if history is None else "several objectives: the front is in its own tab"
        done = [(t.number, history.losses(t)[0]) for t in history.trials if t.state == "complete"]
        if not done or self.size.width < 20 or self.size.height < 4:
            return "no result yet"
        default = history.losses(history.default)[0] if history.default and history.default.metrics else None
        study, unit = history.study, history.study.objectives[0].unit
        title = f"{study.loss_name}{f' ({unit})' if unit and not study.by_desirability else ''}"
        noise = history.noise.absolute or 0.0
        size = (self.size.width - 2, self.size.height - 1)
        colours, marks = palette_of(self.app), marks_of(history, self.report)
        return plot(
            done, default, noise, size, title, study.metric_of, marks=marks, log=self.logarithmic, colours=colours
        )


def marks_of(history: "History", report: "StudyFinished | None") -> Marks:
    """Return what a history and its result mark in a plot."""
    planner = {trial.number for trial in history.trials if trial.source.kind == "planner"}
    failed = [trial.number for trial in history.trials if trial.state == "failed"]
    check = report.checks[0] if report is not None and report.checks else None
    value = check.incumbent_median if check is not None else None
    objective = history.study.objectives[0]
    return Marks(planner, failed, objective.loss(value) if value is not None and history.study.goals == 1 else None)


def plot(
    done: Sequence[tuple[int, float]],
    default: float | None,
    noise: float,
    size: tuple[int, int],
    title: str,
    shown: Callable[[float], float] = float,
    *,
    marks: Marks = Marks(),
    log: bool | None = None,
    colours: Mapping[str, str] = COLOURS,
) -> Text:
    """Return losses over trials in Braille: `done` are (trial, loss), `shown` turns a loss into what people know.

    `log` None chooses the scale by the results. A loss off the scale stands at its edge.
    """
    scale = Scale.of([loss for _, loss in done], default, log)
    last = max([1, *(number for number, _ in done), *marks.failed])
    canvas = _Canvas(scale, last, max(4, size[0] - 10), max(2, size[1] - 2))
    best, line = math.inf, []
    for number, loss in done:
        best = min(best, loss)
        line.append((number, best))
        canvas.dot("planner" if number in marks.planner else "trial", *canvas.place(number, loss))
    for (start, before), (end, after) in zip(line, [*line[1:], (line[-1][0], line[-1][1])], strict=True):
        (x, y), (until, to) = canvas.place(start, before), canvas.place(end, after)
        for column in range(x, until + 1):
            canvas.dot("best", column, y)
        for row in range(*sorted((y, to))):
            canvas.dot("best", until, row)
    for number in marks.failed:
        canvas.sign("✗", "failed", *canvas.corner(number))
    if marks.checked is not None:
        canvas.sign("◆", "best", canvas.width - 1, canvas.place(last, marks.checked)[1] // 4)
    text = Text(f"{title}{', log' if scale.log else ''}  ", style="bold", no_wrap=True, overflow="crop")
    for sign, name in _legend(marks, default):
        text.append(f"{sign} {name} ", style=colours.get(_KINDS[name], ""))
    for row in range(canvas.height):
        value = shown(scale.loss_at((row + 0.5) / canvas.height))
        text.append(f"\n{value:>8.4g} │" if row % 3 == 0 else "\n" + " " * 9 + "│", style="")
        text.append_text(canvas.line(row, default, noise, colours))
    axis = "─" * (canvas.width - 1 - len(str(last)))
    return text.append(f"\n{' ' * 9}└{axis} {last}", style="")


_KINDS = {
    "best": "best", "trials": "trial", "planner's": "planner", "default": "default", "failed": "failed",
    "checked": "best",
}  # fmt: skip


def _legend(marks: Marks, default: float | None) -> list[tuple[str, str]]:
    found = [("━", "best"), ("·", "trials")]
    found += [("·", "planner's")] if marks.planner else []
    found += [("┈", "default")] if default is not None else []
    found += [("✗", "failed")] if marks.failed else []
    return found + ([("◆", "checked")] if marks.checked is not None else [])


@dataclass(frozen=True)
class Scale:
    """Where losses stand between the two ends of a plot, 0 at the top; the best is near the bottom."""

    low: float
    high: float
    log: bool
    sign: float

    @classmethod
    def of(cls, losses: Sequence[float], default: float | None, log: bool | None) -> "Scale":
        """Return a scale for losses: few bad ones do not flatten the others."""
        found = sorted(losses)
        signs = {math.copysign(1, each) if each else 0 for each in [*found, *([default] if default else [])]}
        one_sign = len(signs) == 1 and 0 not in signs
        sign = signs.pop() if one_sign else 1.0
        if log is None:
            middle = default if default is not None else found[len(found) // 2]
            ends = sorted((abs(middle), abs(found[0])))
            log = one_sign and ends[1] >= _WIDE * ends[0]
        log = log and one_sign
        made = cls(0.0, 1.0, log, sign)
        low, high = made.height(found[0]), made.height(found[min(len(found) - 1, int(0.95 * len(found)))])
        high = max(high, made.height(default) if default is not None else high)
        span = (high - low) or abs(high) or 1.0
        return cls(low - 0.05 * span, high + 0.05 * span, log, sign)

    def height(self, loss: float) -> float:
        """Return a loss on the scale's own axis."""
        return self.sign * math.log10(abs(loss)) if self.log else loss

    def share(self, loss: float) -> float:
        """Return how far below the top a loss stands, 0 to 1."""
        if self.log and loss * self.sign <= 0:
            return 1.0 if self.sign > 0 else 0.0
        return (self.high - min(max(self.height(loss), self.low), self.high)) / (self.high - self.low)

    def loss_at(self, share: float) -> float:
        """Return the loss that stands so far below the top."""
        height = self.high - share * (self.high - self.low)
        return self.sign * 10.0 ** (self.sign * height) if self.log else height


class _Canvas:
    """A grid of Braille cells, two dots wide and four high, with the best so far drawn over the trials."""

    def __init__(self, scale: Scale, last: int, width: int, height: int) -> None:
        self.scale, self.last, self.width, self.height = scale, last, width, height
        self.cells: dict[str, dict[tuple[int, int], int]] = {"trial": {}, "planner": {}, "best": {}}
        self.signs: dict[tuple[int, int], tuple[str, str]] = {}

    def place(self, number: float, loss: float) -> tuple[int, int]:
        """Return the dot of a trial; what is off the scale stands at its edge."""
        x = round(number / self.last * (2 * self.width - 1))
        return x, round(self.scale.share(loss) * (4 * self.height - 1))

    def corner(self, number: float) -> tuple[int, int]:
        """Return the cell at the top over a trial."""
        return round(number / self.last * (2 * self.width - 1)) // 2, 0

    def dot(self, colour: str, x: int, y: int) -> None:
        """Set a dot."""
        cell = (y // 4, x // 2)
        self.cells[colour][cell] = self.cells[colour].get(cell, 0) | _DOTS[y % 4][x % 2]

    def sign(self, sign: str, colour: str, column: int, row: int) -> None:
        """Set a character in place of dots."""
        self.signs[row, column] = (sign, colour)

    def line(self, row: int, default: float | None, noise: float, colours: Mapping[str, str]) -> Text:
        """Return a row of cells, over the default's line and its band of noise."""
        text, rule, band = Text(), -1, range(0)
        if default is not None:
            rule = self.place(0, default)[1] // 4
            band = range(self.place(0, default + noise)[1] // 4, self.place(0, default - noise)[1] // 4 + bool(noise))
        for column in range(self.width):
            dots = {name: cells.get((row, column), 0) for name, cells in self.cells.items()}
            if (row, column) in self.signs:
                sign, colour = self.signs[row, column]
                text.append(sign, style=colours.get(colour, ""))
            elif any(dots.values()):
                name = next(each for each in ("best", "planner", "trial") if dots[each])
                text.append(chr(0x2800 + (dots["best"] | dots["planner"] | dots["trial"])), style=colours[name])
            elif row == rule:
                text.append("┈", style=colours["default"])
            else:
                text.append("░" if row in band else " ", style=colours["noise"])
        return text
