"""Walks the process tree through /proc. Standard library only: the supervisor runs this file by itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> Iterator[int]:
    """Yield the process ids of all living descendants of `pid`, parents first. Processes may vanish meanwhile."""
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                for word in (task / "children").read_text().split():
                    yield int(word)
                    waiting.append(int(word))


def private_memory(pid: int) -> int:
    """Return the bytes of memory that `pid` holds and shares with no file; 0 when it is gone."""
    try:
        _size, resident, shared, *_rest = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return max(0, int(resident) - int(shared)) * _PAGE
