"""Walks the process tree through /proc. Standard library only: the supervisor runs this file by itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Return the process ids of the children of `pid`, ended ones that nobody has waited for included."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """Yield the process ids of all living descendants of `pid`, parents first. Processes may vanish meanwhile."""
    waiting = [pid]
    while waiting:
        found = children(waiting.pop())
        yield from found
        waiting += found


def state(pid: int) -> str:
    """Return the letter of a process's state as in proc(5), such as T for stopped; empty when it is gone."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat[stat.rindex(")") + 2]
    return ""


def private_memory(pid: int) -> int:
    """Return the bytes of memory that `pid` holds and shares with no file; 0 when it is gone."""
    try:
        _size, resident, shared, *_rest = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return max(0, int(resident) - int(shared)) * _PAGE
