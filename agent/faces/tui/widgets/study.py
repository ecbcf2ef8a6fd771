"""The study as it is seen: its headline, and trials, curve, best, parameters, front and log, each in a tab."""

import asyncio
import time
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import RichLog, TabbedContent, TabPane

from .best import Best
from .curve import Curve
from .front import Front
from .headline import Headline
from .parameters import Parameters
from .trials import TrialTable

if TYPE_CHECKING:
    from ....chat.steering.control import StudyControl
    from ....events import Event
_INSIDE = {
    "trials": "TrialTable", "curve": "#tab-curve Curve", "best": "#tab-best VerticalScroll",
    "parameters": "Parameters", "front": "Front", "log": "#log",
}  # fmt: skip
"""The tabs in the order of the keys that open them, alt+1 and on, and what in each takes keys."""
TABS = tuple(_INSIDE)


class StudyPane(Vertical):
    """Shows a study; what is expensive to draw is drawn when something has changed."""

    def __init__(self) -> None:
        super().__init__(id="study")
        self._shown_at: tuple[object, ...] = ()
        self._control: StudyControl | None = None

    def compose(self) -> ComposeResult:
        """Lay out the headline over the tabs."""
        yield Headline()
        with TabbedContent(id="tabs"):
            yield TabPane("Trials", TrialTable(), Curve(id="glance", focusable=False), id="tab-trials")
            yield TabPane("Curve", Curve(), id="tab-curve")
            yield TabPane("Best", VerticalScroll(Best()), id="tab-best")
            yield TabPane("Parameters", VerticalScroll(Parameters()), id="tab-parameters")
            yield TabPane("Front", Front(), id="tab-front")
            yield TabPane("Log", RichLog(id="log", wrap=True, max_lines=2000), id="tab-log")

    def open_tab(self, name: str) -> None:
        """Show a tab, and give its contents the keys."""
        self.query_one(TabbedContent).active = f"tab-{name}"
        self.query_one(_INSIDE[name]).focus()

    def show(self, control: "StudyControl", *, force: bool = False) -> None:
        """Show a study as it is now."""
        self._control, history, report = control, control.history, control.report
        done = len(history.finished) if history is not None else -1
        now = (id(history), done, len(history.trials) if history is not None else 0, id(report))
        if now == self._shown_at and not force:
            return
        self._shown_at = now
        self.query_one(TrialTable).show(history)
        for curve in self.query(Curve):
            curve.show(history, report)
        self.query_one(Best).show(control)
        self.query_one(Parameters).show(history, report)
        self.query_one(Front).show(history)
        several = history is not None and history.study.goals > 1
        tabs = self.query_one(TabbedContent)
        (tabs.show_tab if several else tabs.hide_tab)("tab-front")
        if tabs.active == "tab-parameters" and (force or report is not None):
            self._importance(control)

    def log_event(self, event: "Event") -> None:
        """Add a line to the log for what happened, if it is worth one."""
        line = log_line(event)
        if line:
            self.query_one("#log", RichLog).write(f"{time.strftime('%H:%M:%S', time.localtime(event.time))}  {line}")

    @on(TabbedContent.TabActivated)
    def _tab(self, event: TabbedContent.TabActivated) -> None:
        if event.pane.id == "tab-parameters" and self._control is not None:
            self._importance(self._control)

    @work(exclusive=True)
    async def _importance(self, control: "StudyControl") -> None:
        from ....optimizers.importance import importance

        history = control.history
        found = "no study yet" if history is None else await asyncio.to_thread(importance, history.snapshot())
        self.query_one(Parameters).weigh(found)


def log_line(event: "Event") -> str:
    """Return what the log says of an event, '' where it is not worth a line."""
    from ....events import IntermediateValue, Notice, PlannerProblem, TrialFinished, TrialStarted
    from ... import words

    match event:
        case TrialStarted():
            why = event.rationale or event.gate
            return f"trial {event.trial} by {event.author or event.source}" + (f": {why}" if why else "")
        case TrialFinished():
            result = event.reason or " ".join(f"{n}={words.number(v)}" for n, v in event.metrics.items())
            return f"trial {event.trial}: {event.state}" + (f", {result}" if result else "")
        case IntermediateValue():
            return f"trial {event.trial}, step {event.step}{': stopped' if event.stopped else ''}"
        case PlannerProblem() | Notice():
            return event.message
        case _:
            return ""
