"""A target with a server of its own: started before the first candidate, and again where a parameter needs that.

It runs outside the sandbox, with the rights of who started the study, in a folder of its own in which the study's
files are written. Its process is noted in the journal, so that it is ended also after `kill -9`.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...ending import Step
from ...expressions import Value
from ...text import one_line, plain
from ..base import LOG_LENGTH, Candidate, Measurement, Target, TargetError, Watch, Workplace
from ..places import Places
from ..rendering.files import FileError
from ..rendering.template import names_in
from ..scratch import remove
from ..section import Service
from .hooks import own_environment, run_hook
from .ready import is_ready

_RUNS = "service"
_LOOK_EVERY_S, _LAST_S = 0.05, 5.0


class ServiceError(TargetError):
    """The server did not start, get ready or stop, or it ended while it was measured."""


class Served:
    """Keeps a server running around what the target itself does."""

    def __init__(self, inner: Target, service: Service, places: Places, workplace: Workplace) -> None:
        self.inner, self.service, self.workplace = inner, service, workplace
        self.restore_s = inner.restore_s + service.stop_s + _LAST_S + 10
        self._places = places
        self._process: asyncio.subprocess.Process | None = None
        self._folder: Path | None = None
        self._started_with: dict[str, Value] | None = None

    async def prepare(self) -> None:
        """Prepare the target; the server starts with the first candidate."""
        await self.inner.prepare()

    async def apply(self, candidate: Candidate) -> None:
        """Start the server, or start it anew where the candidate differs in what it was started with; then apply.

        Raises:
            ServiceError: it does not start, or does not get ready.
        """
        wanted = {name: value for name, value in candidate.configuration.items() if name in self._restart_on}
        if self._process is None or self._process.returncode is not None or wanted != self._started_with:
            await self._stop()
            await self._start(candidate.configuration)
            self._started_with = wanted
        await self.inner.apply(candidate)

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Measure; where the server ended meanwhile, that is the reason."""
        found = await self.inner.measure(seed, fidelity, required=required, watch=watch)
        if self._process is None or self._process.returncode is None:
            return found
        log, self._started_with = self._log(), None
        reason = f"the service ended during the evaluation: {self._how_it_ended(log)}"
        return Measurement(state="failed", reason=reason, log=f"{found.log}\n{log}", duration_s=found.duration_s)

    async def restore(self) -> None:
        """Restore the target, and end the server, also one that a killed run left behind."""
        try:
            await self.inner.restore()
        finally:
            await self._stop()
            noted = self.workplace.journal.notes.get(_RUNS)
            if noted is not None:
                await _end(noted, self.service.stop_s)
                self._remove(Path(noted["folder"]))
                self.workplace.journal.undone(_RUNS)

    @property
    def _restart_on(self) -> set[str]:
        """The parameters that the server reads when it starts: those that the study names, else those in its places."""
        if self.service.restart_on is not None:
            return set(self.service.restart_on)
        texts = (*self.service.start, *self.service.environment.values())
        named = {name for text in texts for name in names_in(text)} | self._places.in_files
        return named | {name for each in named for name in self.workplace.wording.names_behind(each)}

    async def _start(self, configuration: Mapping[str, Value]) -> None:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="trimtab-service-"))
        folder.chmod(0o711)  # a server that root starts reads its files as somebody else
        try:
            values = self._places.values(configuration, 0, None, folder)
            self._places.write_files(values, folder)
            words = self.workplace.wording.fill(self.service.start, values)
            with (folder / "service.log").open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env={**own_environment(), **self.workplace.wording.environment(self.service.environment, values)},
                    start_new_session=True,
                )
            noted = {"pid": self._process.pid, "born": _born(self._process.pid), "folder": str(folder)}
            self.workplace.journal.note(_RUNS, noted)
            await self._until_ready(values, folder)
        except (OSError, FileError, ArithmeticError) as error:
            await self._stop()
            what = f"{error.filename or 'the program'}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise ServiceError(f"service.start: {what}") from None
        except BaseException:
            await self._stop()
            raise

    async def _until_ready(self, values: Mapping[str, Value], folder: Path) -> None:
        ready, process = self.service.ready, self._process
        assert process is not None
        until = time.monotonic() + ready.within_s
        while True:
            if process.returncode is not None:
                raise ServiceError(f"service.start: {self._how_it_ended(self._log())}")
            if await is_ready(ready, values, folder, self.workplace):
                return
            if time.monotonic() > until:
                last = one_line((self._log().strip().splitlines() or ["it printed nothing"])[-1], 200)
                raise ServiceError(f"service.ready: not after {ready.within_s:g} s (within_s): {last}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _stop(self) -> None:
        """End the server: by its own command, else by SIGTERM; what is left of its group after `stop_s` is killed."""
        process, folder, self._process, self._started_with = self._process, self._folder, None, None
        if process is not None:
            try:
                if process.returncode is None:
                    await self._ask_to_stop(process)
            finally:
                await Step("ending the service", lambda: _kill(process), _LAST_S).run()
                self.workplace.journal.undone(_RUNS)
        if folder is not None:
            self._folder = None
            self._remove(folder)

    async def _ask_to_stop(self, process: asyncio.subprocess.Process) -> None:
        if self.service.stop:
            values: dict[str, Value] = {"port": self._places.port, "pid": process.pid, "python": sys.executable}
            values |= {"study_dir": str(self.workplace.study_directory), "worker": self.workplace.worker}
            words = self.workplace.wording.fill(self.service.stop, values)
            with contextlib.suppress(TargetError):  # then it is killed
                await run_hook("service.stop", words, self.service.stop_s, self.workplace)
        else:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.service.stop_s)

    def _log(self) -> str:
        """Return the end of what the server printed."""
        if self._folder is None:
            return ""
        try:
            with (self._folder / "service.log").open("rb") as opened:
                opened.seek(max(0, os.fstat(opened.fileno()).st_size - LOG_LENGTH))
                return plain(opened.read(LOG_LENGTH).decode(errors="replace"))
        except OSError:
            return ""

    def _how_it_ended(self, log: str) -> str:
        assert self._process is not None
        last = one_line((log.strip().splitlines() or [""])[-1], 200)
        return f"exit status {self._process.returncode}{f': {last}' if last else ''}"

    def _remove(self, folder: Path) -> None:
        remove(folder, lambda _left: None, until=time.monotonic() + _LAST_S)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a server's group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _end(noted: Mapping[str, Any], stop_s: float) -> None:
    """End the server that a run noted which is gone, unless its number is another process's by now."""
    pid = int(noted["pid"])
    if noted["born"] and _born(pid) == noted["born"]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + stop_s
        while _born(pid) == noted["born"] and time.monotonic() < until:  # noqa: ASYNC110  # it is not our child
            await asyncio.sleep(_LOOK_EVERY_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _born(pid: int) -> str:
    """Return when a process was started, by the kernel's clock, and since which boot; '' for none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] in {"Z", "X"}:
            return ""
        return f"{fields[19]} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except (OSError, IndexError):
        return ""
