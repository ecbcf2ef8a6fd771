"""Runs a command in bubblewrap: namespaces of its own, the system read-only, no privileges, no new ones."""

import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from . import privileges, seccomp
from .launch import Launch
from .mounts import mounts_of
from .ports import Forwarded
from .resources.processor import as_reaper, processor_time

if TYPE_CHECKING:
    from .process import SandboxedCommand

_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent")
_OLDEST, _SIZED = (0, 5), (0, 7)  # the versions that brought --perms and --size


@contextmanager
def launch(command: "SandboxedCommand") -> Iterator[Launch]:
    """Yield how to start `command` under bubblewrap; its folder belongs to the evaluation meanwhile.

    The sandbox is built, and then waits until its limits are set from outside: no program has to be started for them.
    """
    with ExitStack() as stack:
        stack.enter_context(privileges.lent(command.directory))
        forwarded = Forwarded(command.ports) if command.ports and not command.network else None
        if forwarded is not None:
            stack.callback(forwarded.close)
            command = replace(command, argv=forwarded.command(command.argv), ports=())
        argv, open_files = arguments(command)
        stack.callback(close, open_files)
        born, tell_born = os.pipe()
        go, say_go = os.pipe()
        open_files += [born, tell_born, go, say_go]
        waiting = ["--info-fd", str(tell_born), "--block-fd", str(go)]

        first: list[int | None] = []
        if command.clocked:
            stack.enter_context(as_reaper())

        async def processor_s() -> float | None:
            known = first[0] if first and command.clocked else None
            return None if known is None else await processor_time(known)

        async def started() -> None:
            os.close(tell_born)
            open_files.remove(tell_born)
            if forwarded is not None:
                forwarded.start()
            child = await _child(born)
            first.append(child)
            if child is not None:
                _limit(child, command)
                os.write(say_go, b".")

        passed = tuple(number for number in open_files if number not in {born, say_go})
        passed += () if forwarded is None else (forwarded.given.fileno(),)
        yield Launch((argv[0], *waiting, *argv[1:]), True, passed, started, processor_s=processor_s)


def arguments(command: "SandboxedCommand") -> tuple[list[str], list[int]]:
    """Return the argument vector that runs `command`, and the open files that it names, which the caller closes."""
    mounts = mounts_of(command, can_size=version() >= _SIZED)
    found = ["bwrap", *_NAMESPACES, *privileges.bubblewrap_flags()]
    if not command.network:
        found.append("--unshare-net")
    found += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    found += [*mounts.flags, "--remount-ro", "/dev"]
    rules = seccomp.open_filter()
    if rules is not None:
        mounts.open_files.append(rules)
        found += ["--seccomp", str(rules)]
    return [*found, "--", *privileges.dropping(command.argv)], mounts.open_files


@cache
def version() -> tuple[int, ...]:
    """Return the version of the installed bubblewrap; empty when it cannot be told."""
    found = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S607
    numbers = re.search(r"(\d+)\.(\d+)", found.stdout)
    return tuple(map(int, numbers.groups())) if numbers else ()


def missing() -> str | None:
    """Return what has to be installed first, None when everything is there."""
    for program in ("bwrap", "setpriv") if privileges.drops_root() else ("bwrap",):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if version() < _OLDEST:
        return f"bwrap is older than {'.'.join(map(str, _OLDEST))}"
    return None


async def _child(born: int) -> int | None:
    """Return the process id of the sandbox's first process as bubblewrap tells it; None when it ended before."""
    loop, told = asyncio.get_running_loop(), bytearray()
    complete: asyncio.Future[bool] = loop.create_future()

    def read() -> None:
        chunk = os.read(born, 4096)
        told.extend(chunk)
        if not complete.done() and (not chunk or told.rstrip().endswith(b"}")):
            complete.set_result(bool(chunk))

    loop.add_reader(born, read)
    try:
        return int(json.loads(told)["child-pid"]) if await complete else None
    finally:
        loop.remove_reader(born)


def _limit(child: int, command: "SandboxedCommand") -> None:
    limits = ((resource.RLIMIT_DATA, command.limits.memory), (resource.RLIMIT_FSIZE, command.limits.file_size))
    with suppress(ProcessLookupError):
        for which, most in (*limits, (resource.RLIMIT_CORE, 0)):
            hard = resource.getrlimit(which)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(child, which, (least, least))
        if command.cpus:
            os.sched_setaffinity(child, command.cpus)


def close(open_files: list[int]) -> None:
    """Close what `arguments` has opened."""
    while open_files:
        os.close(open_files.pop())
