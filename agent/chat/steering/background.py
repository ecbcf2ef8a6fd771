"""An event loop of its own in a thread, so that neither the search nor a model ever holds up a screen."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class Background:
    """Runs coroutines beside the caller's own event loop."""

    def __init__(self) -> None:
        self._submitted: WeakSet[Coroutine[Any, Any, Any]] = WeakSet()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="trimtab", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine; cancelling the future cancels it."""
        self._submitted.add(coroutine)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the loop, soon."""
        self._loop.call_soon_threadsafe(function, *arguments)

    async def bridge(self, future: "Future[T]") -> T:
        """Wait, in the loop, for a future that somebody else will resolve."""
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Cancel what still runs, and end the thread; what does not end in time ends with the program."""
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    async def _finish(self) -> None:
        """Cancel what was submitted, and only then what it left: it may have tasks that must end in their own time."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for tasks in ({task for task in others if task.get_coro() in self._submitted}, others):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
