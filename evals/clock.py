"""A clock for cells whose evaluations are looked up: time jumps to what happens next, instead of being waited for.

Tables take evaluation time and planners latency on this clock, so that waiting, rhythm and search time are those of a
real run. While a planner is at work that takes real time, time passes as it does.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Iterator
from typing import Any

from ..agent.planners.base import Context, Knowing, Planner
from ..agent.trials.proposal import Proposal


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing when nothing real is awaited: tells how far the clock moves instead."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead, self.awaited = 0.0, 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready or super().select(timeout)
        if self.awaited:
            return super().select(timeout)
        self.ahead += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on that clock."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the time, in seconds from an arbitrary start."""
        return super().time() + self._jumping.ahead

    @contextlib.contextmanager
    def real_time(self) -> Iterator[None]:
        """Let time pass as it does, for work outside this process."""
        self._jumping.awaited += 1
        try:
            yield
        finally:
            self._jumping.awaited -= 1


class TimedPlanner:
    """A planner whose thoughts take `latency_s` on the clock; None: as long as they really take."""

    def __init__(self, inner: Planner, latency_s: float | None) -> None:
        self.inner, self.latency_s = inner, latency_s
        self.name, self.why = inner.name, inner.why
        self.recording = getattr(inner, "recording", None)

    @property
    def done(self) -> bool:
        """Whether the planner has nothing more to propose."""
        return self.inner.done

    def known(self, context: Context) -> list[Proposal]:
        """Return what it knows without thinking."""
        return self.inner.known(context) if isinstance(self.inner, Knowing) else []

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Let it think, and take the time."""
        if self.latency_s is not None:
            await asyncio.sleep(self.latency_s)
            return await self.inner.propose(context, n)
        loop = asyncio.get_running_loop()
        with loop.real_time() if isinstance(loop, JumpingLoop) else contextlib.nullcontext():
            return await self.inner.propose(context, n)

    async def close(self) -> None:
        """Let go of what it holds."""
        await self.inner.close()
