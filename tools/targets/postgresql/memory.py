"""Memory of the machine or the control group, and of a server's processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def share_in_use() -> float:
    """Return the share of the memory that cannot be given to anybody, from 0 to 1."""
    most, used = _of_cgroup("memory.max"), _of_cgroup("memory.current")
    inactive = _statistics().get("inactive_file", 0)
    cgroup = (used - inactive) / most if most and used else 0.0
    found = dict(_meminfo())
    machine = 1 - found["MemAvailable"] / found["MemTotal"] if found.get("MemTotal") else 0.0
    return max(cgroup, machine)


def used_by(postmaster: int) -> int:
    """Return the bytes of a server's processes: what each has alone, and once what they share. 0 where not visible."""
    alone, shared = 0, 0
    for number in (postmaster, *_children(postmaster)):
        with contextlib.suppress(OSError, ValueError):
            status = dict(_fields(Path(f"/proc/{number}/status").read_text()))
            alone += status.get("RssAnon", 0)
            shared = max(shared, status.get("RssShmem", 0))
    return alone + shared


def postmaster_of(data: Path) -> int:
    """Return the process of the server of a data directory; 0 where it is not this machine's, or not visible."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().split()[0])
    return 0


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _of_cgroup(name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((_CGROUP / name).read_text())
    return 0


def _statistics() -> dict[str, int]:
    with contextlib.suppress(OSError, ValueError):
        pairs = (line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return {name: int(number) for name, number in pairs}
    return {}


def _meminfo() -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError):
        yield from _fields(Path("/proc/meminfo").read_text())


def _fields(text: str) -> Iterator[tuple[str, int]]:
    """Yield the fields that are given in kB, in bytes."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            yield name, int(rest.split()[0]) * 1024
