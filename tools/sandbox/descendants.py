"""Walks the process tree through /proc. Standard library only: the supervisor runs this file by itself."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


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
