"""Several objectives: every trial as a dot, those that no other dominates as a front, and what each of them reached."""

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.widgets import Static

from ..themes import palette_of

if TYPE_CHECKING:
    from ....trials.history import History
    from ....trials.trial import Trial
_MOST_LISTED = 12


class Front(Static, can_focus=True):
    """A scatter of two objectives. o goes on to the next pair."""

    DEFAULT_CSS = "Front { height: 1fr; padding: 0 1; text-wrap: nowrap; } Front:focus { background: $boost; }"
    BINDINGS: ClassVar = [Binding("o", "pair", "Next pair")]

    def __init__(self) -> None:
        super().__init__()
        self.history: History | None = None
        self.pair = 0

    def show(self, history: "History | None") -> None:
        """Show a history as it is now."""
        self.history = history
        self.refresh()

    def action_pair(self) -> None:
        """Show the next two objectives."""
        self.pair += 1
        self.refresh()

    def render(self) -> RenderResult:
        """Return scatter and table."""
        history = self.history
        if history is None:
            return "no study yet"
        if history.study.goals < 2:
            return "one objective: there is no front, see the curve"
        done = [trial for trial in history.trials if trial.state == "complete"]
        if not done or self.size.width < 24 or self.size.height < 8:
            return "no result yet"
        front = sorted(history.front(), key=lambda trial: history.losses(trial))
        pairs = list(combinations(history.study.objectives, 2))
        names = tuple(each.metric for each in pairs[self.pair % len(pairs)])
        listed = min(len(front), _MOST_LISTED, max(2, self.size.height // 3))
        text = self._scatter(done, front, (names[0], names[1]), self.size.height - listed - 4)
        return text.append("\n").append_text(self._table(front[:listed], len(front) - listed))

    def _scatter(self, done: "list[Trial]", front: "list[Trial]", names: tuple[str, str], height: int) -> Text:
        assert self.history is not None
        width, colours = max(8, self.size.width - 13), palette_of(self.app)
        (left, right), (low, high) = (_ends([trial.metrics[name] for trial in done]) for name in names)
        cells: dict[tuple[int, int], tuple[str, str]] = {}
        members = {trial.number for trial in front}
        for trial in sorted(done, key=lambda trial: trial.number in members):  # the front is drawn over the others
            x = round((trial.metrics[names[0]] - left) / (right - left) * (width - 1))
            y = round((high - trial.metrics[names[1]]) / (high - low) * (height - 1))
            sign = ("●", "best") if trial.number in members else ("·", "trial")
            if trial is self.history.default:
                sign = ("▽", "default")
            if trial is self.history.incumbent:
                sign = ("★", "best")
            cells[y, x] = sign
        text = Text(f"{names[1]} over {names[0]}  ", style="bold", no_wrap=True, overflow="crop")
        for mark, word, colour in (("●", "front", "best"), ("★", "compromise", "best"), ("▽", "default", "default")):
            text.append(f"{mark} {word} ", style=colours[colour])
        for y in range(height):
            value = high - (y + 0.5) / height * (high - low)
            text.append(f"\n{value:>9.4g} │" if y % 3 == 0 else f"\n{'':>9} │", style="")
            for x in range(width):
                drawn, colour = cells.get((y, x), (" ", ""))
                text.append(drawn, style=colours.get(colour, ""))
        ruler = f"{left:.4g}"
        end = f"{right:.4g}"
        return text.append(f"\n{'':>10}└{ruler}{'─' * max(1, width - len(ruler) - len(end))}{end}", style="")

    def _table(self, front: "list[Trial]", more: int) -> Text:
        from ... import words

        assert self.history is not None
        study, colours = self.history.study, palette_of(self.app)
        text = Text("the front" + (f", {more} more in the table of trials" if more > 0 else ""), no_wrap=True)
        for trial in front:
            reached = "  ".join(
                f"{each.metric} {words.number(trial.metrics.get(each.metric), each.unit)}" for each in study.objectives
            )
            mark = "★" if trial is self.history.incumbent else "●"
            changes = words.assignments(trial.configuration, study.space.default)
            text.append(f"\n{mark} {trial.number:>4}  ", style=colours["best"])
            text.append(reached).append(f"  {changes}", style=colours["text-muted"])
        return text


def _ends(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    return low - 0.02 * span, high + 0.02 * span
