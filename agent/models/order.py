"""The order in which things happened in a recorded run, so that a replay lets them happen in the same."""

import asyncio
from collections.abc import Collection, Sequence

Mark = tuple[str, int]
"""What happened, and which of its kind it was."""

_PATIENCE_S = 5.0
"""How long something waits for its turn; longer only where the run is not the recorded one."""


class Order:
    """Goes through the marks of a recording one by one."""

    def __init__(self, marks: Sequence[Mark] = ()) -> None:
        self.marks, self._at = list(marks), 0
        self._moved = asyncio.Event()

    def is_next(self, mark: Mark) -> bool:
        """Whether it is a mark's turn."""
        return self._at < len(self.marks) and self.marks[self._at] == mark

    def passed(self, mark: Mark) -> None:
        """Take note that something has happened; what the recording does not hold next changes nothing."""
        if self.is_next(mark):
            self._at += 1
            self._moved.set()
            self._moved = asyncio.Event()

    async def turn(self, mark: Mark) -> None:
        """Wait for a mark's turn; not for one that the rest of the recording does not hold."""
        while mark in self.marks[self._at :] and not self.is_next(mark):
            if not await self._move():
                return

    async def turn_of(self, kinds: Collection[str]) -> None:
        """Wait until something of one of these kinds is next; not where nothing of them is left."""
        while any(kind in kinds for kind, _which in self.marks[self._at :]) and self.marks[self._at][0] not in kinds:
            if not await self._move():
                return

    async def _move(self) -> bool:
        """Wait for the next thing to happen; return whether it did."""
        try:
            await asyncio.wait_for(self._moved.wait(), _PATIENCE_S)
        except TimeoutError:
            return False
        return True
