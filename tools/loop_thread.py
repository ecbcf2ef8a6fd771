"""An event loop in a thread of its own: for callers without one, and for those whose loop runs already."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines to their end while the caller waits. Tasks that they leave go on until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="trimtab-loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; an interrupt of the caller cancels it, and waits for its end."""
        task = self._wait_for(_begun(coroutine))
        try:
            self._wait_for(asyncio.wait({task}))
        except BaseException:
            self._loop.call_soon_threadsafe(task.cancel)
            self._wait_for(asyncio.wait({task}))
            raise
        return task.result()

    def close(self) -> None:
        """Cancel what still runs, wait for its end, and end the thread. More than once is harmless."""
        if self._loop.is_closed():
            return
        self._wait_for(_ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


async def _begun(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.create_task(coroutine)


async def _ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
