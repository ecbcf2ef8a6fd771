"""Finds and ends what outlived its supervisor: an evaluation that is not isolated may kill or stop its own.

While such an evaluation runs, this process is the reaper of orphans, so what has lost its supervisor becomes our child;
and its memory and environment are closed to other processes of the user.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ...own_environment import conceal
from ..descendants import children, state

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 3, 4, 36, 37
_GRACE_S = 5.0


def file_size_limit(wanted: int) -> int:
    """Return the limit on the size of files by which an evaluation is known: below ours, and never raised again."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    return wanted if hard == resource.RLIM_INFINITY else max(0, min(wanted, hard - 1))


class Guard:
    """Counts the evaluations that need us as the reaper of orphans; `with guard:` around each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = (0, 1)

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                conceal()  # cannot be done once we are closed
                self._before = (_is_reaper(), _prctl(_PR_GET_DUMPABLE, 0))
                _prctl(_PR_SET_CHILD_SUBREAPER, 1)
                _prctl(_PR_SET_DUMPABLE, 0)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                reaper, dumpable = self._before
                _prctl(_PR_SET_CHILD_SUBREAPER, reaper)
                _prctl(_PR_SET_DUMPABLE, 1 if dumpable == 1 else 0)


guard = Guard()


async def kill_orphans(supervisor: int) -> None:
    """Kill the processes of evaluations that became our children, and theirs, until none is left.

    They become ours when their supervisor, which was sent SIGKILL, is dead: that is waited for.
    """
    deadline = time.monotonic() + _GRACE_S
    while state(supervisor) not in {"", "Z", "X"} and time.monotonic() < deadline:  # noqa: ASYNC110  # no event for it
        await asyncio.sleep(0.001)
    while time.monotonic() < deadline:
        found = list(_orphans())
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222  # does not wait
        await asyncio.sleep(0.001)


def _orphans() -> Iterator[int]:
    """Yield our children that carry an evaluation's marks, which no process can take off: its limit on files, and that
    it may never gain privileges. A supervisor, or a child of the program that uses us as a library, has not both."""
    ours = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for pid in children(os.getpid()):
        limit = _hard_file_size(pid)
        if limit is not None and (ours == resource.RLIM_INFINITY or limit < ours) and _is_confined(pid):
            yield pid


def _hard_file_size(pid: int) -> int | None:
    """Return a process's hard limit on the size of files, None when it has none or is gone."""
    with contextlib.suppress(OSError):
        found = re.search(r"^Max file size\s+\S+\s+(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
        return int(found[1]) if found else None
    return None


def _is_confined(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    return False


def _is_reaper() -> int:
    found = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
    return found.value


def _prctl(option: int, value: int) -> int:
    return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
