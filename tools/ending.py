"""Ends things: closes what was opened, last first, each within a deadline, however often the task is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from .errors import TrimtabError

_GRACE_S = 1.0
"""How long a step that missed its deadline gets to take note of being cancelled."""


class EndingError(TrimtabError):
    """Something could not be closed or restored; everything else was. Further failures are its notes."""


@dataclass(frozen=True)
class Step:
    """Something to close. `what` names it in an error: 'closing the planner'."""

    what: str
    close: Callable[[], Awaitable[object]]
    within_s: float

    async def run(self) -> tuple[EndingError | None, asyncio.CancelledError | None]:
        """Close it; return what went wrong, and the cancellation of this task that had to wait meanwhile."""
        closing = asyncio.ensure_future(self._closed())
        cancelled = await _wait(closing, self.within_s)
        if not closing.done():
            closing.cancel()
            again = await _wait(closing, _GRACE_S)
            return EndingError(f"{self.what}: not done after {self.within_s:g} s"), again or cancelled
        failed = EndingError(f"{self.what}: was cancelled") if closing.cancelled() else closing.result()
        return failed, cancelled

    async def _closed(self) -> EndingError | None:
        try:
            await self.close()
        except Exception as error:  # noqa: BLE001  # a part may be anybody's; the other steps must happen
            reason = str(error) if isinstance(error, TrimtabError) else f"{type(error).__name__}: {error}"
            failed = EndingError(f"{self.what}: {reason}")
            failed.__cause__ = error
            return failed
        return None


class Ending:
    """An exit stack whose steps all happen: none is skipped by an error, a hanging step, or another cancellation.

    Leaving it raises the first error: that of the block, else that of the first step that failed; later ones are notes.
    """

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._failures: list[EndingError] = []
        self._cancelled: asyncio.CancelledError | None = None

    def then(self, what: str, close: Callable[[], Awaitable[object]], within_s: float) -> None:
        """Add a step; it runs before those that were added earlier."""
        self._stack.push_async_callback(self._run, Step(what, close, within_s))

    async def _run(self, step: Step) -> None:
        failed, cancelled = await step.run()
        self._failures += [failed] if failed is not None else []
        self._cancelled = self._cancelled or cancelled

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        own = None if isinstance(error, GeneratorExit) else error
        first = own or self._cancelled or (self._failures.pop(0) if self._failures else None)
        if first is None:
            return
        for failed in self._failures:
            first.add_note(str(failed))
        if first is not error:
            raise first


async def run_all(steps: Sequence[Step]) -> None:
    """Run steps at the same time, each to its end or its deadline.

    Raises:
        EndingError: of the first step that failed.
    """
    found = await asyncio.gather(*(step.run() for step in steps))
    failures = [failed for failed, _cancelled in found if failed is not None]
    cancelled = next((cancelled for _failed, cancelled in found if cancelled is not None), None)
    first = cancelled or (failures.pop(0) if failures else None)
    if first is not None:
        for failed in failures:
            first.add_note(str(failed))
        raise first


async def _wait(task: asyncio.Future[EndingError | None], within_s: float) -> asyncio.CancelledError | None:
    """Wait for a task, also while this one is cancelled; return the cancellation."""
    loop, cancelled = asyncio.get_running_loop(), None
    deadline = loop.time() + within_s
    while not task.done() and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
