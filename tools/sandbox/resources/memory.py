"""How much memory the processes of an evaluation hold, read from /proc: where there is no control group to ask.

First a sum that is cheap and never too low; what several processes share is in it several times. Only when that is too
much, the exact one, for which the kernel walks through all their pages.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_KIB = 1024
_BLOCK = 512
_HEADER = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ (\d+) *(.*)")
_PLAIN = ("RssAnon", "VmSwap", "HugetlbPages")


@dataclass
class OpenFiles:
    """Files without a name that processes have open: bytes by (device, inode), in memory and on the disk."""

    memory: dict[tuple[int, int], int] = field(default_factory=dict)
    disk: dict[tuple[int, int], int] = field(default_factory=dict)

    def look(self, pid: int, device: int) -> bool:
        """Add what `pid` has open; of the disk, what is on `device`. Return whether we were allowed to look."""
        try:
            links = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError as error:
            return not isinstance(error, PermissionError)
        for link in links:
            with suppress(OSError):
                self._add(link, device)
        return True

    def _add(self, link: Path, device: int) -> None:
        leads_to = str(link.readlink())
        if leads_to.endswith(" (deleted)"):
            status = link.stat()
            kind = self.memory if leads_to.startswith("/memfd:") else self.disk
            if kind is self.memory or status.st_dev == device:
                kind[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK


def at_most(pids: Iterable[int]) -> int:
    """Return a sum that is never below what the processes hold, without files of no process's own."""
    return sum(_sum_of(pid, (*_PLAIN, "RssShmem")) for pid in pids)


def exactly(pids: Iterable[int], counted: OpenFiles) -> int:
    """Return what the processes hold, shared pages once, without files in memory that are `counted` or have a name."""
    inodes = {inode for _device, inode in counted.memory}
    return sum(_own(pid) + _shared(pid, inodes) for pid in pids)


def _own(pid: int) -> int:
    rollup = _numbers(f"/proc/{pid}/smaps_rollup")
    anonymous = rollup.get("Pss_Anon", 0) + rollup.get("SwapPss", 0)
    return (anonymous * _KIB) or _sum_of(pid, _PLAIN)


def _shared(pid: int, counted: set[int]) -> int:
    """Return the process's share of memory that is mapped from nothing: anonymous, System V, files already closed."""
    total, counts = 0, False
    with suppress(OSError), Path(f"/proc/{pid}/smaps").open() as lines:
        for line in lines:
            if header := _HEADER.match(line):
                inode, name = int(header[1]), header[2]
                unnamed = name.startswith(("/dev/zero (deleted)", "/SYSV", "/memfd:"))
                counts = unnamed and not (name.startswith("/memfd:") and inode in counted)
            elif counts and line.startswith("Pss:"):
                total += int(line.split()[1]) * _KIB
    return total


def _sum_of(pid: int, names: tuple[str, ...]) -> int:
    found = _numbers(f"/proc/{pid}/status")
    return sum(found.get(name, 0) for name in names) * _KIB


def _numbers(file: str) -> dict[str, int]:
    with suppress(OSError):
        return {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", Path(file).read_text(), re.M)}
    return {}
