"""Runs a wrapped command as a process group of its own and watches its limits.

Knows nothing of targets and metrics: it returns what the process wrote and how it ended.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from .child import Child
from .descendants import descendants
from .launch import Launch
from .limits import Limits, exceeded, format_size
from .resources.usage import Usage

_LOOK_EVERY_S = 0.05
_GRACE_S, _LAST_GRACE_S = 2.0, 10.0

Watch = Callable[[str], bool]
"""Sees a line of output; returns true to end the command."""


@dataclass(frozen=True)
class SandboxedCommand:
    """A command and what it may see.

    `directory` is its working directory, the only place that it may write and that outlasts it. `hidden` are files and
    folders that it must not see, `sockets` folders whose unix sockets it may use although it has no network,
    and `ports` those of this machine's loopback interface that it may then reach. `clocked` asks for processor time.
    """

    argv: tuple[str, ...]
    directory: Path
    environment: dict[str, str]
    timeout_s: float
    limits: Limits = field(default_factory=Limits)
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    sockets: tuple[Path, ...] = ()
    network: bool = False
    ports: tuple[int, ...] = ()
    clocked: bool = False
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sandbox:
    """An isolation: its name, what it guarantees (one line, shown to the user), and how it starts a command."""

    name: str
    guarantees: str
    launch: Callable[[SandboxedCommand], AbstractContextManager[Launch]]


@dataclass(frozen=True)
class Outcome:
    """How a command ended. `killed` says which limit ended it, None when it ended by itself or was stopped.

    `stopped` is whether the caller's `watch` ended it. `cpu_s` is the processor time of all its
    processes, where it was asked for and is known.
    """

    exit_code: int
    stdout: str
    stderr: str
    duration_s: float
    killed: str | None
    stopped: bool = False
    cpu_s: float | None = None


class _Output:
    """Collects one stream up to a limit."""

    def __init__(self, limit: int, news: asyncio.Event, watch: Watch | None = None) -> None:
        self.data = bytearray()
        self.limit, self.watch = limit, watch
        self.stopped = self.overflown = False
        self._news, self._seen = news, 0

    def take(self, chunk: bytes) -> None:
        """Add what was read; what comes after the limit is forgotten."""
        if self.overflown:
            return
        self.data += chunk
        self.overflown = len(self.data) > self.limit
        if self.watch is not None and not self.stopped:
            self._show_lines(self.watch)
        if self.overflown or self.stopped:
            self._news.set()

    def _show_lines(self, watch: Watch) -> None:
        """Hand every line that is complete to the watcher, until it says stop."""
        while (end := self.data.find(b"\n", self._seen)) >= 0:
            line = self.data[self._seen : end].decode(errors="replace")
            self._seen = end + 1
            if watch(line):
                self.stopped = True
                return

    def text(self) -> str:
        return self.data[: self.limit].decode(errors="replace")


async def run(command: SandboxedCommand, sandbox: Sandbox, watch: Watch | None = None) -> Outcome:
    """Run `command` to its end, and leave none of its processes behind, also when this task is cancelled.

    `watch` sees each line of standard output as it is written, and ends the command by returning true.

    Raises:
        OSError: the wrapping program itself could not be started.
    """
    with sandbox.launch(command) as launch:
        started = time.monotonic()
        child = Child(launch.argv, command.directory, command.environment, launch.open_files)
        limit, news = command.limits.output, child.news
        outputs = (_Output(limit, news, watch), _Output(limit, news))
        closed = (child.collect(outputs[0].take), child.collect(outputs[1].take, errors=True))
        usage = Usage(command.directory, command.limits, isolated=launch.isolated)
        try:
            await launch.started()
            killed = await _watch(child, outputs, command, launch, usage)
            duration = time.monotonic() - started
        finally:
            await _end(child, launch, usage, closed)
        cpu_s = await launch.processor_s()
    code = -signal.SIGKILL if child.returncode is None else child.returncode
    return Outcome(code, outputs[0].text(), outputs[1].text(), duration, killed, outputs[0].stopped, cpu_s)


async def _watch(
    child: Child, outputs: tuple[_Output, _Output], command: SandboxedCommand, launch: Launch, usage: Usage
) -> str | None:
    """Wait for the end; return the limit that was exceeded, if any."""
    deadline = time.monotonic() + command.timeout_s
    while True:
        left = deadline - time.monotonic()
        await _wait(child.news, min(_LOOK_EVERY_S, max(left, 0)))
        if outputs[0].stopped:
            return None
        if flooded := _flooded(outputs):
            return flooded
        if child.ended:
            return await usage.at_end()
        if left <= 0:
            return f"still running after {command.timeout_s:g} s (timeout: raise evaluation.timeout_s)"
        if trouble := launch.trouble(child.pid):
            return trouble
        if too_much := await asyncio.to_thread(usage.exceeded, list(descendants(child.pid))):
            return too_much


def _flooded(outputs: tuple[_Output, _Output]) -> str | None:
    for name, output in zip(("output", "error output"), outputs, strict=True):
        if output.overflown:
            return exceeded(f"wrote more than {format_size(output.limit)} of standard {name}", "output")
    return None


async def _end(child: Child, launch: Launch, usage: Usage, closed: tuple[asyncio.Event, asyncio.Event]) -> None:
    """End the wrapper and everything that it has started, and take in the rest of the output. Never waits for ever."""
    deadline = time.monotonic() + _LAST_GRACE_S
    try:
        _kill_group(child.pid)
        usage.close()
        await launch.ended(child.pid)
        while not child.ended and time.monotonic() < deadline:
            child.news.clear()
            await _wait(child.news, 1)
        for event in closed:
            await _wait(event, _GRACE_S)
    finally:
        child.close()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    if not event.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
