"""When the screen is drawn anew: nothing while nothing happens, and what a person types comes before the study."""

import time
from collections.abc import Callable
from dataclasses import dataclass

TYPING_S, LONGEST_S, APART_S = 0.3, 1.5, 0.25
"""Seconds that a study waits after a key, that it waits at most while keys go on, and between two looks at it."""


@dataclass
class Pace:
    """Decides about looks at a study that runs beside what a person does. `clock` gives seconds."""

    clock: Callable[[], float] = time.monotonic
    _key: float = float("-inf")
    _look: float = float("-inf")
    _busy: bool = True

    def key(self) -> None:
        """Note that a key was pressed."""
        self._key = self.clock()

    def awake(self, *, busy: bool) -> bool:
        """Whether anything can have changed since the last call: while busy, and once more after it."""
        before, self._busy = self._busy, busy
        return busy or before

    def due(self) -> bool:
        """Whether to look at the study now; then it counts as looked at."""
        now = self.clock()
        waited = now - self._look
        if waited < APART_S or (now - self._key < TYPING_S and waited < LONGEST_S):
            self._busy = True  # there is a look to come, whatever ends meanwhile
            return False
        self._look = now
        return True
