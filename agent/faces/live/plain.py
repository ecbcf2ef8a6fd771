"""Plain lines, for pipes and log files."""

import sys
import time
from collections.abc import Callable

from ...events import (
    CheckProgressed,
    Event,
    ModelCalled,
    Notice,
    PlannerAsked,
    PlannerProblem,
    StudyFinished,
    StudyInterrupted,
    StudyStarted,
    TrialFinished,
)
from ...study.sections import Study
from .. import words
from ..summary import summary_lines
from .view import View

_UNITS = {"wall_time_s": "{:g} s of search", "dollars": "{:g} dollars"}


_EVERY_S = 10.0
"""How often the time that is left is told."""


class PlainLines:
    """Prints a line per trial, now and then how long it still takes, and the result at the end."""

    def __init__(self, study: Study, clock: Callable[[], float] = time.monotonic) -> None:
        """Tell the time by `clock`, in seconds."""
        self.view = View(study)
        self._clock, self._told = clock, clock() - _EVERY_S  # the first time as soon as something is known

    def show(self, event: Event) -> None:
        """Print what is worth a line."""
        self.view.take(event)
        lines = self._lines(event)
        if self._clock() - self._told >= _EVERY_S and (left := self.view.remaining.line()):
            lines.append(left)
            self._told = self._clock()
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to give back."""

    def _lines(self, event: Event) -> list[str]:
        study = self.view.study
        match event:
            case StudyStarted():
                return started_lines(event)
            case Notice():
                return [f"note: {event.message}"]
            case ModelCalled() if event.outcome not in {"ok", "cancelled"}:
                return [f"note: model call failed, {event.outcome}: {event.message}"]
            case PlannerAsked() if event.kind == "opening" and event.wait_s > 0:
                return [f"asking the model first, at most {words.seconds(event.wait_s)}"]
            case PlannerProblem():
                return [f"note: planner, {event.code}: {event.message}"]
            case TrialFinished():
                return [self._trial(event)]
            case CheckProgressed() if event.done == event.total:
                return [f"{event.phase}: {event.done} measured"]
            case StudyInterrupted():
                return [f"interrupted after {event.trials} trials; {event.resume}"]
            case StudyFinished():
                return ["", *summary_lines(study, event)]
            case _:
                return []

    def _trial(self, event: TrialFinished) -> str:
        head = f"trial {event.trial:>3} {event.source:<8} {event.state:<10} {event.duration_s:6.2f} s "
        if event.state in {"failed", "lost"}:
            return f"{head} {event.reason}"
        metrics = " ".join(f"{name}={words.number(value)}" for name, value in event.metrics.items())
        mark = " *" if event.incumbent else ""
        return f"{head} {metrics}{mark}"


def started_lines(event: StudyStarted) -> list[str]:
    """Return who proposes, where it runs and what it may cost."""
    again = f", resumed after {event.trials_done} trials" if event.resumed else ""
    limits = {name: each["limit"] for name, each in event.budget.items() if each["limit"] is not None}
    budget = ", ".join(
        _UNITS.get(name, f"{{:g}} {name.replace('_', ' ')}").format(limit) for name, limit in limits.items()
    )
    return [
        f"study {event.study}{again}",
        f"planner {event.planner} ({event.planner_reason}); sampler {event.sampler}",
        f"sandbox {event.sandbox}: {event.sandbox_guarantees}; {event.workers} at a time; budget {budget}",
    ]
