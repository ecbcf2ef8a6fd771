"""The study as it is seen: trials, curve, best, parameters and log, each in a tab."""

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.containers import VerticalScroll
from textual.widgets import RichLog, TabbedContent, TabPane

from .panels import Best, Curve, Importance
from .trials import TrialTable

if TYPE_CHECKING:
    from ....chat.steering.control import StudyControl
    from ....events import Event


class StudyPane(TabbedContent):
    """Shows a study; what is expensive to draw is drawn when something has changed."""

    def __init__(self) -> None:
        super().__init__(id="study")
        self._shown_at = -1
        self._control: StudyControl | None = None
        for pane in (
            TabPane("Trials", TrialTable(), Curve(id="glance"), id="tab-trials"),
            TabPane("Curve", Curve(), id="tab-curve"),
            TabPane("Best", VerticalScroll(Best()), id="tab-best"),
            TabPane("Parameters", VerticalScroll(Importance()), id="tab-parameters"),
            TabPane("Log", RichLog(id="log", wrap=True, max_lines=2000), id="tab-log"),
        ):
            self.compose_add_child(pane)

    def show(self, control: "StudyControl", *, force: bool = False) -> None:
        """Show a study as it is now."""
        self._control, history = control, control.history
        done = len(history.finished) + len(history.trials) * 1_000_000 if history is not None else -2
        if done == self._shown_at and not force:
            return
        self._shown_at = done
        self.query_one(TrialTable).show(history)
        for curve in self.query(Curve):
            curve.show(history)
        self.query_one(Best).show(control)

    def log_event(self, event: "Event") -> None:
        """Add a line to the log for what happened, if it is worth one."""
        from ....events import IntermediateValue, Notice, PlannerProblem, TrialFinished, TrialStarted
        from ... import words

        match event:
            case TrialStarted():
                line = f"trial {event.trial} by {event.author or event.source}: {event.rationale or event.gate}"
            case TrialFinished():
                result = event.reason or " ".join(f"{n}={words.number(v)}" for n, v in event.metrics.items())
                line = f"trial {event.trial}: {event.state}, {result}"
            case IntermediateValue():
                line = f"trial {event.trial}, step {event.step}{': stopped' if event.stopped else ''}"
            case PlannerProblem() | Notice():
                line = event.message
            case _:
                return
        self.query_one("#log", RichLog).write(line)

    @on(TabbedContent.TabActivated)
    def _tab(self, event: TabbedContent.TabActivated) -> None:
        if event.pane.id == "tab-parameters" and self._control is not None:
            self._importance(self._control)

    @work(exclusive=True)
    async def _importance(self, control: "StudyControl") -> None:
        from ....optimizers.importance import importance

        history = control.history
        found = "no study yet" if history is None else await asyncio.to_thread(importance, history.snapshot())
        self.query_one(Importance).show(found)
