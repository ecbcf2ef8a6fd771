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

from .descendants import descendants, private_memory
from .launch import Launch
from .limits import Limits, format_size

_FIRST_LOOK_S, _LOOK_EVERY_S = 0.02, 0.05
_GRACE_S, _LAST_GRACE_S = 2.0, 10.0

Watch = Callable[[str], bool]
"""Sees a line of output; returns true to end the command."""


@dataclass(frozen=True)
class SandboxedCommand:
    """A command and what it may see.

    `directory` is its working directory, the only place that it may write and that outlasts it. `hidden` are files and
    folders that it must not see, `sockets` folders whose unix sockets it may use although it has no network.
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

    `stopped` is whether the caller's `watch` ended it.
    """

    exit_code: int
    stdout: str
    stderr: str
    duration_s: float
    killed: str | None
    stopped: bool = False


class _Output:
    """Collects one stream up to a limit."""

    def __init__(self, limit: int, watch: Watch | None = None) -> None:
        self.data = bytearray()
        self.limit = limit
        self.watch, self.stop = watch, asyncio.Event()
        self._seen = 0

    @property
    def full(self) -> bool:
        return len(self.data) > self.limit

    async def collect(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(1 << 16):
            if self.full:
                continue  # drain, so that a killed writer's pipe can close
            self.data += chunk
            if self.watch is not None and not self.stop.is_set():
                self._show_lines(self.watch)

    def _show_lines(self, watch: Watch) -> None:
        """Hand every line that is complete to the watcher, until it says stop."""
        while (end := self.data.find(b"\n", self._seen)) >= 0:
            line = self.data[self._seen : end].decode(errors="replace")
            self._seen = end + 1
            if watch(line):
                self.stop.set()
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
        process = await _spawn(command, launch)
        assert process.stdout is not None
        assert process.stderr is not None
        outputs = (_Output(command.limits.output, watch), _Output(command.limits.output))
        readers = [
            asyncio.create_task(outputs[0].collect(process.stdout)),
            asyncio.create_task(outputs[1].collect(process.stderr)),
        ]
        try:
            await launch.started()
            killed = await _watch(process, outputs, command, launch)
            duration = time.monotonic() - started
        finally:
            await _kill(process, launch)
            await asyncio.wait(readers, timeout=_GRACE_S)
            for reader in readers:
                reader.cancel()
    code = -signal.SIGKILL if process.returncode is None else process.returncode
    stopped = outputs[0].stop.is_set()
    return Outcome(code, outputs[0].text(), outputs[1].text(), duration, killed, stopped)


async def _spawn(command: SandboxedCommand, launch: Launch) -> asyncio.subprocess.Process:
    """Start the command; a cancellation waits until it can be killed with everything that it has started.

    asyncio itself would kill the wrapper only, and wait for ever for a child of it that holds the pipes.
    """
    spawning = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *launch.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=command.directory,
            env=command.environment,
            start_new_session=True,
            pass_fds=launch.open_files,
        )
    )
    try:
        return await asyncio.shield(spawning)
    except asyncio.CancelledError:
        await _kill(await spawning, launch)
        raise


async def _watch(
    process: asyncio.subprocess.Process, outputs: tuple[_Output, _Output], command: SandboxedCommand, launch: Launch
) -> str | None:
    """Wait for the end; return the limit that was exceeded, if any."""
    limits = command.limits
    deadline = time.monotonic() + command.timeout_s
    ended = asyncio.ensure_future(process.wait())
    stopped = asyncio.ensure_future(outputs[0].stop.wait())
    pause = _FIRST_LOOK_S
    try:
        while True:
            left = deadline - time.monotonic()
            timeout = min(pause, max(left, 0))
            done, _ = await asyncio.wait([ended, stopped], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            pause = _LOOK_EVERY_S
            for name, output in zip(("output", "error output"), outputs, strict=True):
                if output.full:
                    return f"wrote more than {format_size(limits.output)} of standard {name} (limit output)"
            if done or process.returncode is not None:  # it may have ended while others hold its pipes
                return None
            if left <= 0:
                return f"still running after {command.timeout_s:g} s (timeout)"
            if trouble := launch.trouble(process.pid):
                return trouble
            alive = list(descendants(process.pid))
            if len(alive) > limits.processes:
                return f"more than {limits.processes} processes (limit processes)"
            if sum(map(private_memory, alive)) > limits.memory:
                return f"used more than {format_size(limits.memory)} of memory (limit memory)"
    finally:
        ended.cancel()
        stopped.cancel()


async def _kill(process: asyncio.subprocess.Process, launch: Launch) -> None:
    """End the wrapper and everything that it has started. Waits for its end, but not for ever."""
    _kill_group(process.pid)
    await launch.ended(process.pid)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_GRACE_S):
            await process.wait()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
