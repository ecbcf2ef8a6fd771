"""The processor time of everything that ran in a sandbox, from the kernel's account of its first process.

bubblewrap's own process does not wait for it, so for that moment we are the reaper of orphans: it becomes our child.
"""

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_GRACE_S = 2.0


class _Reaper:
    """Counts who needs us as the reaper of orphans."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = self._before = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        library = ctypes.CDLL(None)
        with self._lock:
            if self._inside == 0:
                found = ctypes.c_int()
                library.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
                self._before = found.value
                library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    library.prctl(_PR_SET_CHILD_SUBREAPER, self._before, 0, 0, 0)


as_reaper = _Reaper()


async def processor_time(first: int) -> float | None:
    """Return the processor time of a sandbox whose first process has this id, seconds; None where it is not known.

    Its wrapper must have ended; what it and all its processes used is in the account that a parent gets.
    """
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline:
        try:
            ended, _status, used = os.wait4(first, os.WNOHANG)  # noqa: ASYNC222  # does not wait
        except ChildProcessError:
            return None
        if ended:
            return used.ru_utime + used.ru_stime
        await asyncio.sleep(0.001)
    return None
