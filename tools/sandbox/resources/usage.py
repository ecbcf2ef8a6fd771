"""Watches what an evaluation uses, from outside: processes, memory, what it has written."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..descendants import descendants, state
from ..limits import Limits, exceeded, format_size
from ..written import written
from . import memory
from .cgroups import Group, make_group

_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # the evaluation's own, in memory
_WALK_EVERY_S, _REST = 0.25, 20
_DENIALS = 5
_ENTER_AFTER_S = 0.08
_FEW = 100
_MUCH = 8  # an eighth of the limit


class Usage:
    """The looks at one evaluation; one of the first puts it under the kernel's limits. Not for two threads at once."""

    def __init__(self, directory: Path, limits: Limits, *, isolated: bool) -> None:
        self._directory, self._limits, self._isolated = directory, limits, isolated
        self._group: Group | None = None
        self._began, self._entered = time.monotonic(), False
        self._device = directory.stat().st_dev
        self._next_walk = time.monotonic() + _WALK_EVERY_S
        self._next_exact = 0.0
        self._denied: dict[int, int] = {}

    def exceeded(self, pids: Sequence[int]) -> str | None:
        """Return which limit the processes exceed, None when they keep to all."""
        if len(pids) > self._limits.processes:
            return exceeded(f"more than {self._limits.processes} processes", "processes")
        if not self._entered and time.monotonic() - self._began > _ENTER_AFTER_S:
            self._entered = True
            self._enter_group(pids)
        open_files = memory.OpenFiles()
        for pid in pids:
            if not open_files.look(pid, self._device) and self._hides(pid):
                return "hides its open files from the limits on memory and disk"
        size, entries = self._temporary(pids)
        return self._in_memory(pids, open_files, size) or self._on_disk(open_files, entries)

    async def at_end(self) -> str | None:
        """Return which limit was exceeded in the end: by the kernel's account, or by what lies in the folder."""
        self._next_walk = 0.0
        by_kernel = self._group.exceeded() if self._group else None
        few = written(self._directory, most_bytes=self._limits.disk, most_entries=_FEW)
        if by_kernel or (few.entries < min(_FEW, self._limits.files) and few.size <= self._limits.disk):
            return by_kernel
        return await asyncio.to_thread(self._on_disk, memory.OpenFiles(), 0)

    def close(self) -> None:
        """Kill what the kernel still has in the evaluation's group."""
        if self._group is not None:
            self._group.end()

    def _enter_group(self, pids: Sequence[int]) -> None:
        """Move all its processes, also those that are being started meanwhile. What they hold already is not counted
        by the kernel: where that is much, they may get that much less."""
        first, much = pids[:1], self._limits.memory // _MUCH
        held = memory.exactly(pids, memory.OpenFiles()) if memory.at_most(pids) > much else 0
        counted = held if held > much else 0
        self._group = make_group(self._limits, counted) if first else None
        if self._group is not None:
            outside = set(pids)
            while outside:
                for pid in outside:
                    self._group.add(pid)
                outside = {*first, *descendants(first[0])} - self._group.processes()
                outside = {pid for pid in outside if state(pid) not in {"", "Z", "X"}}

    def _in_memory(self, pids: Sequence[int], open_files: memory.OpenFiles, temporary: int) -> str | None:
        by_kernel = self._group.exceeded() if self._group else None
        if by_kernel:  # else it may hold what it took before it was in the group, or, as root's, have left it
            return by_kernel
        began, most = time.monotonic(), self._limits.memory
        elsewhere = temporary + sum(open_files.memory.values())
        if began < self._next_exact or memory.at_most(pids) + elsewhere <= most:
            return None
        if memory.exactly(pids, open_files) + elsewhere > most:
            return exceeded(f"used more than {format_size(most)} of memory", "memory")
        now = time.monotonic()
        self._next_exact = now + _REST * (now - began)
        return None

    def _on_disk(self, open_files: memory.OpenFiles, entries: int) -> str | None:
        began, limits = time.monotonic(), self._limits
        unnamed = sum(open_files.disk.values())
        if began < self._next_walk and unnamed <= limits.disk:
            return None
        found = written(self._directory, most_bytes=limits.disk, most_entries=limits.files)
        self._next_walk = time.monotonic() + max(_WALK_EVERY_S, _REST * (time.monotonic() - began))
        if found.size + unnamed > limits.disk:
            return exceeded(f"wrote more than {format_size(limits.disk)} of files", "disk")
        if found.entries + entries > limits.files or found.hidden:
            return exceeded(f"made more than {limits.files} files", "files")
        return None

    def _temporary(self, pids: Sequence[int]) -> tuple[int, int]:
        """Return the bytes and the entries in the evaluation's own temporary folders, which are in memory."""
        size = entries = 0
        if self._isolated and pids:
            for place in _TEMPORARY:
                inside = Path(f"/proc/{pids[0]}/root{place}")  # the sandbox's first process, which it cannot change
                with suppress(OSError):
                    if inside.stat().st_dev not in {_device(place), _device("/")}:  # it is still being set up
                        found = os.statvfs(inside)
                        size += (found.f_blocks - found.f_bfree) * found.f_frsize
                        entries += found.f_files - found.f_ffree
        return size, entries

    def _hides(self, pid: int) -> bool:
        """Return whether a living process keeps its open files from us, more than for the moment of its end."""
        if state(pid) in {"", "Z", "X"}:
            return False
        self._denied[pid] = self._denied.get(pid, 0) + 1
        return self._denied[pid] > _DENIALS


def _device(place: str) -> int:
    try:
        return Path(place).stat().st_dev
    except OSError:
        return -1
