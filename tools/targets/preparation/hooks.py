"""A target with commands of its own: setup, before, after, teardown. They run outside the sandbox."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...ending import Step
from ...expressions import Value
from ...text import one_line, plain
from ..base import LOG_LENGTH, Candidate, Measurement, Target, TargetError, Watch, Workplace
from ..section import Hook, TargetSection
from .lifecycle import failed

_KEYS = ("_API_KEY", "_TOKEN", "_SECRET")
_TO_DO = "teardown"


class HookError(TargetError):
    """One of the target's commands failed; `log` is the end of what it printed."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


class Hooked:
    """Runs a target's commands around what the target itself does."""

    def __init__(self, inner: Target, section: TargetSection, workplace: Workplace) -> None:
        self.inner, self.section, self.workplace = inner, section, workplace
        own = section.teardown.timeout_s + 10 if section.teardown is not None else 0
        self.restore_s = inner.restore_s + own
        self._candidate: Candidate | None = None

    async def prepare(self) -> None:
        """Note that there is something to tear down, run `setup`, and prepare the target."""
        if self.section.teardown is not None:
            self.workplace.journal.note(_TO_DO, value=True)
        await self._run("setup", {})
        await self.inner.prepare()

    async def apply(self, candidate: Candidate) -> None:
        """Apply the candidate."""
        self._candidate = candidate
        await self.inner.apply(candidate)

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Measure between `before` and `after`, which runs whatever happened."""
        values = {**(self._candidate.configuration if self._candidate is not None else {}), "seed": seed}
        try:
            await self._run("before", values)
        except HookError as error:
            return failed("before", error).model_copy(update={"log": error.log})
        try:
            found = await self.inner.measure(seed, fidelity, required=required, watch=watch)
        finally:
            ended = await self._after(values)
        if ended is None or found.state == "failed":
            return found
        return failed("after", ended).model_copy(update={"log": f"{found.log}\n{ended.log}"})

    async def _after(self, values: Mapping[str, Value]) -> HookError | None:
        """Run `after`, also while the evaluation is being cancelled; return what went wrong."""
        hook = self.section.after
        if hook is None:
            return None
        found, cancelled = await Step("target.after", lambda: self._run("after", values), hook.timeout_s + 5).run()
        if cancelled is not None:
            raise cancelled
        if found is None:
            return None
        cause = found.__cause__
        return cause if isinstance(cause, HookError) else HookError(found.message, "")

    async def restore(self) -> None:
        """Restore the target, then run `teardown`, once for each preparation; whatever happened."""
        try:
            await self.inner.restore()
        finally:
            if self.workplace.journal.notes.get(_TO_DO):
                await self._run("teardown", {})
                self.workplace.journal.undone(_TO_DO)

    async def _run(self, name: str, values: Mapping[str, Value]) -> None:
        hook: Hook | None = getattr(self.section, name)
        if hook is not None:
            wording, own = self.workplace.wording, {"worker": self.workplace.worker}
            always = {"study_dir": str(self.workplace.study_directory), "python": sys.executable}
            words = wording.fill(hook.command, {**own, **wording.complete(values), **always})
            await run_hook(name, words, hook.timeout_s, self.workplace)


async def run_hook(name: str, words: list[str], timeout_s: float, workplace: Workplace) -> None:
    """Run a command in the study's folder, outside the sandbox, without keys in its environment.

    What it starts in the background lives on. Its output goes to a file beside the journal, else to a temporary one.

    Raises:
        HookError: it could not be started, failed, or took too long and was killed with its group.
    """
    log_file = _log_file(name, workplace)
    try:
        with log_file.open("wb") as log:
            code = await _ended(words, timeout_s, workplace, log.fileno())
        text = _end_of(log_file)
    except OSError as error:
        raise HookError(f"{_shown(name)}: {error.filename or words[0]}: {error.strerror}", "") from None
    finally:
        if workplace.journal.path is None:
            log_file.unlink(missing_ok=True)
    if code is None:
        raise HookError(f"{_shown(name)}: still running after {timeout_s:g} s", text)
    if code != 0:
        last = one_line((text.strip().splitlines() or [""])[-1], 200)
        raise HookError(f"{_shown(name)}: exit status {code}{f': {last}' if last else ''}", text)


def _shown(name: str) -> str:
    return name if "." in name else f"target.{name}"


def own_environment() -> dict[str, str]:
    """Return this process's environment without keys."""
    return {name: value for name, value in os.environ.items() if not name.upper().endswith(_KEYS)}


async def _ended(words: list[str], timeout_s: float, workplace: Workplace, log: int) -> int | None:
    """Return a command's exit status, None where it took too long."""
    spawning = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=workplace.study_directory,
            env=own_environment(),
            start_new_session=True,
        )
    )
    try:
        process = await asyncio.shield(spawning)
    except asyncio.CancelledError:
        await kill(await spawning)
        raise
    try:
        async with asyncio.timeout(timeout_s):
            return await process.wait()
    except TimeoutError:
        await kill(process)
        return None
    except asyncio.CancelledError:
        await kill(process)
        raise


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process that leads a group, with its group, and wait for its end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _log_file(name: str, workplace: Workplace) -> Path:
    journal = workplace.journal.path
    if journal is None:
        opened, path = tempfile.mkstemp(prefix=f"trimtab-{name}-")
        os.close(opened)
        return Path(path)
    journal.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return journal.with_suffix(f".{name}.log")


def _end_of(file: Path) -> str:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - LOG_LENGTH))
        return plain(opened.read(LOG_LENGTH).decode(errors="replace"))
