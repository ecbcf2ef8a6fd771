"""Limits by the kernel where it lets us: a control group of its own for each evaluation, version 2 or 1.

Sees all memory, also what is shared, in files without a name or in no process's own, and stops a storm of forks between
two looks. Needs a group in which we may make others: root's usually (version 1 or 2), a user's under systemd. To move a
process into a group may take the kernel 10 ms, so an evaluation is moved when it has run for a moment.
"""

import atexit
import contextlib
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..limits import Limits, exceeded, format_size

_OWN_PROCESSES = 8  # bubblewrap's, beside the evaluation's
_GRACE_S = 1.0
_numbers = itertools.count()
_retired: list[Path] = []


@dataclass(frozen=True)
class Place:
    """Where groups can be made. `memory` and `pids` are the folders for them; the same one in version 2."""

    version: int
    memory: Path
    pids: Path


@dataclass(frozen=True)
class Group:
    """An evaluation's group, limited. `memory` is what the kernel still has to count, of what the limits allow."""

    place: Place
    name: str
    limits: Limits
    memory: int

    @property
    def folders(self) -> list[Path]:
        """The folders in which processes are added to it."""
        return list(dict.fromkeys((self.place.memory / self.name, self.place.pids / self.name)))

    def add(self, pid: int) -> None:
        """Put a process, and so all it will start, under the limits. One that is gone is no error."""
        for folder in self.folders:
            with contextlib.suppress(ProcessLookupError):
                (folder / "cgroup.procs").write_text(str(pid))

    def processes(self) -> set[int]:
        """Return the processes that are in it."""
        return set(map(int, _read(self.place.pids / self.name / "cgroup.procs").split()))

    def end(self) -> None:
        """Kill what is in it and remove it: at once, or when the next group is made."""
        deadline = time.monotonic() + _GRACE_S
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        _retired.extend(self.folders)
        _remove_retired()

    def exceeded(self) -> str | None:
        """Return which limit the kernel enforced, None when it did not have to."""
        events = "memory.events" if self.place.version == 2 else "memory.oom_control"
        if _count(self.place.memory / self.name / events, "oom_kill"):
            return exceeded(f"used more than {format_size(self.limits.memory)} of memory", "memory")
        if _count(self.place.pids / self.name / "pids.events", "max"):
            return exceeded(f"more than {self.limits.processes} processes", "processes")
        return None


def make_group(limits: Limits, held: int = 0) -> Group | None:
    """Return a new group with these limits, None where the kernel gives us none.

    `held` are bytes that its processes have already, and that the kernel will not count.
    """
    place = find_place()
    if place is None:
        return None
    made = Group(place, f"trimtab-{os.getpid()}-{next(_numbers)}", limits, max(limits.memory - held, 1))
    try:
        for folder in made.folders:
            folder.mkdir()
        _limit(made)
    except OSError:
        made.end()
        return None
    return made


@cache
def find_place() -> Place | None:
    """Return where groups can be made, tried with one and a process in it; None when nowhere."""
    for place in (*_version_2(), *_version_1()):
        trial = Group(place, f"trimtab-{os.getpid()}-trial", Limits(), Limits().memory)
        try:
            for folder in trial.folders:
                folder.mkdir()
            _limit(trial)
            _try(trial)
        except OSError:
            continue
        finally:
            trial.end()
        return place
    return None


def _try(trial: Group) -> None:
    """Put a process into the group; raises OSError where that is not allowed."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:  # noqa: S607
        for folder in trial.folders:
            (folder / "cgroup.procs").write_text(str(process.pid))


def _limit(made: Group) -> None:
    memory, limit = made.place.memory / made.name, str(made.memory)
    if made.place.version == 1:
        (memory / "memory.limit_in_bytes").write_text(limit)
        with contextlib.suppress(OSError):  # a kernel that does not count swap
            (memory / "memory.memsw.limit_in_bytes").write_text(limit)
    else:
        (memory / "memory.max").write_text(limit)
        with contextlib.suppress(OSError):
            (memory / "memory.swap.max").write_text("0")
    (made.place.pids / made.name / "pids.max").write_text(str(made.limits.processes + _OWN_PROCESSES))


def _remove_retired() -> None:
    """Remove the groups of which the kernel has noticed that their processes are gone."""
    for folder in (*_retired,):  # it changes under our hands
        try:
            folder.rmdir()
        except FileNotFoundError:
            _forget(folder)
        except OSError:
            continue
        else:
            _forget(folder)


def _forget(folder: Path) -> None:
    with contextlib.suppress(ValueError):  # another thread was faster
        _retired.remove(folder)


@atexit.register
def _remove_all() -> None:
    deadline = time.monotonic() + _GRACE_S
    while _retired and time.monotonic() < deadline:
        _remove_retired()
        time.sleep(0.001)


def _version_2() -> Iterator[Place]:
    """Yield the groups above ours, nearest first, that hand both controllers down and that we may write."""
    mount, own = _mount_of("cgroup2", ""), _own_group("")
    if mount is None or own is None:
        return
    for folder in (mount / own.lstrip("/"), *(mount / own.lstrip("/")).parents):
        if not folder.is_relative_to(mount):
            return
        controllers = _read(folder / "cgroup.subtree_control").split()
        writable = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
        if writable and {"memory", "pids"} <= set(controllers):
            yield Place(2, folder, folder)


def _version_1() -> Iterator[Place]:
    folders = []
    for controller in ("memory", "pids"):
        mount, own = _mount_of("cgroup", controller), _own_group(controller)
        if mount is None or own is None:
            return
        inside = mount / own.lstrip("/")
        folders.append(inside if inside.is_dir() else mount)  # in a container, the mount is our own group
    if all(os.access(folder, os.W_OK) for folder in folders):
        yield Place(1, *folders)


def _mount_of(kind: str, controller: str) -> Path | None:
    """Return where a hierarchy is mounted."""
    for line in _read(Path("/proc/self/mountinfo")).splitlines():
        before, _, after = line.partition(" - ")
        words = after.split()
        if words and words[0] == kind and (not controller or controller in words[-1].split(",")):
            return Path(before.split()[4])
    return None


def _own_group(controller: str) -> str | None:
    """Return the path of this process's group in a hierarchy."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _number, names, path = line.split(":", 2)
        if controller in names.split(",") and "/.." not in path:
            return path
    return None


def _count(file: Path, name: str) -> int:
    found = re.search(rf"^{name} (\d+)$", _read(file), re.MULTILINE)
    return int(found[1]) if found else 0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
