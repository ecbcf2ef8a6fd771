"""The run that the screen follows: what its events told, and the tone at its end."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...events import Event, StudyFinished, StudyStarted
from ..live.view import View
from ..standing import Standing, standing

if TYPE_CHECKING:
    from ...chat.steering.control import StudyControl
_LONG_S = 20.0
"""Runs that took so long call the person back."""


class Following:
    """Keeps a view of the study's run by its events."""

    def __init__(self, call_back: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`call_back` is told in words when a long run has ended; `clock` gives seconds."""
        self.view: View | None = None
        self._call_back, self._clock, self._began = call_back, clock, 0.0

    def take(self, event: Event, control: "StudyControl") -> None:
        """Take in an event of the run."""
        if isinstance(event, StudyStarted) and control.study is not None:
            self.view, self._began = View(control.study), self._clock()
        if self.view is not None:
            self.view.take(event)
        if isinstance(event, StudyFinished) and self._clock() - self._began >= _LONG_S:
            check = event.check
            self._call_back(f"{event.study}: {check.verdict if check is not None else 'no result'}")

    def standing(self, control: "StudyControl") -> Standing | None:
        """Return where the study stands, None where there is none."""
        return standing(control.study, control.history, control.report) if control.study is not None else None

    def of(self, control: "StudyControl") -> View | None:
        """Return the view of the run, while it runs."""
        return self.view if control.running else None
