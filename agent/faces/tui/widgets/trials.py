"""The table of trials: sorted, filtered, and drawn line by line, so that ten thousand rows cost what is visible."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

if TYPE_CHECKING:
    from ....trials.history import History
    from ....trials.trial import Trial

_MARKS = {"complete": "●", "failed": "✗", "infeasible": "◌", "pruned": "◐", "running": "◍", "lost": "○"}
_ORDERS = ("number", "result", "duration")


class TrialTable(ScrollView, can_focus=True):
    """All trials of a study. Enter opens one; s sorts, f shows fewer kinds."""

    DEFAULT_CSS = "TrialTable { height: 1fr; padding: 0 1; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
        Binding("enter", "open", "Open"),
        Binding("s", "sort", "Sort"),
        Binding("f", "filter", "Filter"),
    ]
    cursor = reactive(0)
    order = reactive("number")
    only = reactive("all")

    class Opened(Message):
        """A trial was chosen."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self.history: History | None = None
        self._rows: list[Trial] = []
        self._follow = True

    def show(self, history: "History | None") -> None:
        """Show the trials of a history as they are now."""
        self.history = history
        self._refill()

    def _refill(self) -> None:
        trials = self.history.trials if self.history is not None else []
        if self.only != "all":
            trials = [trial for trial in trials if self.only in {trial.state, trial.source.label}]
        if self.order == "result" and self.history is not None:
            losses = self.history.losses
            trials = sorted(trials, key=lambda t: (t.state != "complete", losses(t) if t.state == "complete" else ()))
        elif self.order == "duration":
            trials = sorted(trials, key=lambda trial: -trial.duration_s)
        self._rows = list(trials)
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        if self._follow and self.order == "number":
            self.cursor = max(0, len(self._rows) - 1)
        self.cursor = min(self.cursor, max(0, len(self._rows) - 1))
        self._scroll_to_cursor()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line at a place of the screen: the header stays, rows scroll."""
        from ... import words

        width = self.size.width
        metric = self.history.study.objectives[0].metric if self.history is not None else "result"
        if y == 0:
            order = {"number": "#", "result": metric, "duration": "s"}[self.order]
            shown = "" if self.only == "all" else f"  only {self.only}"
            text = f"{'#':>6}  {'by':<12} {metric[:12]:>12} {'s':>7}  configuration"
            style = self.get_component_rich_style("trials--head") + Style(bold=True)
            return _line(f"{text}   by {order}{shown}", width, style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows) or self.history is None:
            return Strip.blank(width, self.rich_style)
        trial = self._rows[index]
        value = trial.metrics.get(metric)
        result = words.number(value) if value is not None else trial.state
        by = str(trial.source)
        differs = words.assignments(trial.configuration, self.history.study.space.default)
        best = trial is self.history.incumbent
        mark = "★" if best else _MARKS[trial.state]
        seconds = f"{trial.duration_s:.2f}" if trial.state != "running" else "..."
        text = f"{trial.number:>4} {mark}  {by[:12]:<12} {result:>12} {seconds:>7}  {differs}"
        name = "trials--best" if best else f"trials--{trial.state}"
        style = self.get_component_rich_style(name)
        if index == self.cursor:
            style += self.get_component_rich_style("trials--cursor" if self.has_focus else "trials--blurred")
        return _line(text, width, style)

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "trials--head",
        "trials--best",
        "trials--complete",
        "trials--failed",
        "trials--infeasible",
        "trials--pruned",
        "trials--running",
        "trials--cursor",
        "trials--blurred",
    }

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(0, self.cursor + step), max(0, len(self._rows) - 1))
        self._follow = self.cursor == len(self._rows) - 1
        self._scroll_to_cursor()
        self.refresh()

    def action_open(self) -> None:
        """Open the trial under the cursor."""
        if self._rows:
            self.post_message(self.Opened(self._rows[self.cursor].number))

    def action_sort(self) -> None:
        """Sort by the next order: number, result, duration."""
        self.order = _ORDERS[(_ORDERS.index(self.order) + 1) % len(_ORDERS)]
        self.cursor, self._follow = 0, self.order == "number"
        self._refill()

    def action_filter(self) -> None:
        """Show only the next kind: all, then each state and source that occurs."""
        trials = self.history.trials if self.history is not None else []
        kinds = ["all", *dict.fromkeys([*(t.state for t in trials), *(t.source.label for t in trials)])]
        self.only = kinds[(kinds.index(self.only) + 1) % len(kinds)] if self.only in kinds else "all"
        self._refill()

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked row; a second click opens it."""
        index = int(event.y) - 1 + self.scroll_offset.y
        if event.y >= 1 and index < len(self._rows):
            if index == self.cursor and self.has_focus:
                self.action_open()
            self.cursor = index
            self.refresh()

    def on_resize(self) -> None:
        """Fit the rows to the new width, and stay where the cursor is."""
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self.call_after_refresh(self._scroll_to_cursor)

    def _scroll_to_cursor(self) -> None:
        height = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)


def _line(text: str, width: int, style: Style) -> Strip:
    return Strip([Segment(text, style)]).adjust_cell_length(width, style).crop(0, width)
