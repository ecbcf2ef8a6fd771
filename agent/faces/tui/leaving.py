"""What Ctrl-C and Ctrl-Q do: stop the answer, empty the line, leave; while something runs, only when asked twice."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .widgets.prompt import Prompt

if TYPE_CHECKING:
    from .app import ChatApp
_AGAIN_S = 4.0
"""So long a second press counts as one."""


class Leaving:
    """Decides whether a key ends the application."""

    def __init__(self, app: "ChatApp", clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._app, self._clock, self._asked = app, clock, -_AGAIN_S

    def stop(self) -> None:
        """Copy what is selected, else stop the answer, else empty the line, else leave when pressed twice."""
        app = self._app
        line = app.screen_stack[0].query_one(Prompt).line
        selected = app.screen.get_selected_text() or line.selected_text
        if selected:
            app.copy_to_clipboard(selected)
        elif app.thinking:
            app.action_interrupt()
        elif line.value:
            line.value = ""
        elif self._twice():
            app.exit(0)
        else:
            app.note(f"Ctrl-C again leaves{self._what_runs()}")

    def leave(self) -> None:
        """Leave; while a study runs, say once what becomes of it."""
        if not self._app.control.running or self._twice():
            self._app.exit(0)
        else:
            self._app.note(f"press it again to leave{self._what_runs()}")

    def _twice(self) -> bool:
        again = self._clock() - self._asked < _AGAIN_S
        self._asked = self._clock()
        return again

    def _what_runs(self) -> str:
        if not self._app.control.running:
            return ""
        return ": the study stops, what was measured stays, trimtab chat --continue and /start go on"
