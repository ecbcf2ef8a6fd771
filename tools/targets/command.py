"""The `command` target: one run of a program per evaluation."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ..expressions import Value
from ..sandbox import Outcome, SandboxedCommand, run
from ..text import one_line, plain
from .base import LOG_LENGTH, Candidate, Measurement, TargetError, Watch, Workplace
from .evaluation import Evaluation
from .places import Places, whole
from .preparation.seeds import files_with_check_seeds
from .reading import metrics
from .reading.causes import caused_by_sandbox
from .reading.extraction import Written, read_metrics
from .rendering.files import FileError
from .scratch import remove_leftovers, working_directory
from .section import CommandSection, ProgramSection

_PASSED_ON = ("TZ",)
_OUT_OF_MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|[Oo]ut of memory|OutOfMemoryError")


class CommandTarget:
    """Runs the study's command in the sandbox, in a fresh directory, and reads its metrics."""

    Section: ClassVar[type[ProgramSection]] = CommandSection
    restore_s = 10.0

    def __init__(self, section: ProgramSection, evaluation: Evaluation, workplace: Workplace) -> None:
        self.section, self.evaluation = section, evaluation
        self.workplace = workplace
        self._configuration: Mapping[str, Value] = {}
        self._left: list[str] = []
        self._units: dict[str, str] = {}
        self._places = Places(evaluation, workplace)

    async def prepare(self) -> None:
        """Remove what killed runs left behind.

        Raises:
            InputError: a place stands for something that this machine does not have.
        """
        self._places.check()
        await asyncio.to_thread(remove_leftovers, self._left.append)

    async def apply(self, candidate: Candidate) -> None:
        """Remember the configuration: each run of the program gets it.

        Raises:
            TargetError: an edit of the program goes with it.
        """
        if candidate.patch is not None:
            raise TargetError("a command cannot apply an edit of a program: the study has no [code]")
        self._configuration = candidate.configuration

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Run the command once, and again where it failed in a way that the study lets pass; see `Target.measure`."""
        failures: list[str] = []
        while True:
            found = await self.evaluate(
                self._configuration, seed=seed, fidelity=fidelity, required=required, watch=watch
            )
            if found.state != "failed" or len(failures) == self.evaluation.retries or not self._may_pass(found):
                break
            failures.append(f"trimtab: run again after: {found.reason}\n")
        if not failures:
            return found
        return found.model_copy(update={"log": "".join(failures) + found.log, "retries": len(failures)})

    def _may_pass(self, failed: Measurement) -> bool:
        """Whether the study says of a failure that it may pass."""
        said = f"{failed.reason}\n{failed.log}"
        return any(
            each in said if isinstance(each, str) else re.match(rf"exit status {each}\b", failed.reason or "")
            for each in self.evaluation.retry_on
        )

    async def restore(self) -> None:
        """Nothing to do: every evaluation has a directory of its own."""

    async def evaluate(
        self,
        configuration: Mapping[str, Value],
        *,
        seed: int,
        fidelity: float | None = None,
        required: tuple[str, ...] = (),
        watch: Watch | None = None,
    ) -> Measurement:
        """Run the command once with a configuration."""
        try:
            async with working_directory(self._left.append) as directory:
                values = self._places.values(configuration, seed, fidelity, directory)
                job = {"configuration": self._places.job(values, configuration), "seed": seed}
                job["fidelity"] = None if fidelity is None else whole(fidelity)
                (directory / "trimtab.json").write_text(json.dumps(job), encoding="utf-8")
                self._places.write_files(values, directory)
                wrong = _unusable([*self.argv(values), *self._places.environment(values).values()])
                measured = (
                    Measurement(state="failed", reason=wrong)
                    if wrong
                    else await self._run(values, directory, required, watch)
                )
        except OSError as error:  # no program, or no room for its folder
            measured = Measurement(state="failed", reason=f"{error.filename or 'the program'}: {error.strerror}")
        except ArithmeticError as error:
            measured = Measurement(state="failed", reason=f"derived value {error}")
        except FileError as error:
            measured = Measurement(state="failed", reason=f"files: {error}")
        if not self._left:
            return measured
        notice = self._left[-1]
        self._left.clear()
        return measured.model_copy(update={"notice": notice})

    async def _run(
        self, values: Mapping[str, Value], directory: Path, required: tuple[str, ...], watch: Watch | None
    ) -> Measurement:
        reported: dict[str, float] = {}

        def line_printed(line: str) -> bool:
            found = metrics.of_watched_line(line)
            reported.update(found)
            return watch is not None and bool(found) and watch(found)

        lines = None if watch is None else line_printed
        command = self._sandboxed(values, directory)
        outcome = await run(command, self.workplace.sandbox, lines)
        if outcome.stopped:
            log = outcome.stdout[-LOG_LENGTH:]
            return Measurement(state="pruned", metrics=reported, duration_s=outcome.duration_s, log=log)
        measured = await self._measurement(outcome, directory, required)
        return self._explained(measured, command, outcome) if measured.state == "failed" else measured

    def _explained(self, failed: Measurement, command: SandboxedCommand, outcome: Outcome) -> Measurement:
        """Return a failed measurement whose reason says what the sandbox had to do with it."""
        isolated = self.workplace.sandbox.name == "bubblewrap" and outcome.killed is None
        written = f"{outcome.stdout[-LOG_LENGTH:]}\n{outcome.stderr[-LOG_LENGTH:]}"
        cause = caused_by_sandbox(command, isolated, written)
        return failed.model_copy(update={"reason": f"{failed.reason} ({cause})"}) if cause else failed

    def argv(self, values: Mapping[str, Value]) -> list[str]:
        """Return the command line for the values of places."""
        return self._places.command(values)

    async def read_metrics(self, outcome: Outcome, directory: Path, required: tuple[str, ...]) -> dict[str, float]:
        """Return all numbers the run reported; raises MetricsError."""
        written = Written(outcome.stdout, outcome.stderr, directory)
        return await read_metrics(self.evaluation, written, required, self.workplace.wording, self._units)

    def readable(self) -> tuple[Path, ...]:
        """Return what the sandbox shows of the hidden folders: the study, this Python, what the study names."""
        study = self.workplace.study_directory
        named = [study / path.expanduser() for path in self.evaluation.readable]
        return (study, Path(sys.prefix), Path(sys.base_prefix), *named)

    def _hidden(self) -> tuple[Path, ...]:
        """Return what the sandbox hides: what the workplace says, and the seeds of the check unless the study shows
        their file by name."""
        study = self.workplace.study_directory
        named = {(study / path.expanduser()).resolve() for path in self.evaluation.readable}
        seeds = (file for file in files_with_check_seeds(study) if file.resolve() not in named)
        return (*self.workplace.hidden, *seeds)

    def _sandboxed(self, values: Mapping[str, Value], directory: Path) -> SandboxedCommand:
        return self.sandboxed(
            self.argv(values), values, directory, readable=self.readable(), hidden=self._hidden(), timeout_s=None
        )

    def sandboxed(
        self,
        argv: Sequence[str],
        values: Mapping[str, Value],
        directory: Path,
        *,
        readable: tuple[Path, ...],
        hidden: tuple[Path, ...],
        timeout_s: float | None,
    ) -> SandboxedCommand:
        """Return a command with this study's environment and limits, and what it may see."""
        passed = [*_PASSED_ON, *self.evaluation.pass_environment]
        python_bin = str(Path(sys.executable).parent)
        environment = {
            **{name: os.environ[name] for name in passed if name in os.environ},
            "PATH": f"{python_bin}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "TRIMTAB_JOB": str(directory / "trimtab.json"),
            **language(),
            **self._places.environment(values),
        }
        return SandboxedCommand(
            argv=tuple(argv),
            directory=directory,
            environment=environment,
            timeout_s=self.evaluation.timeout_s if timeout_s is None else timeout_s,
            limits=self.evaluation.limits,
            readable=readable,
            hidden=hidden,
            sockets=self.workplace.sockets,
            network=self.evaluation.network is True,
            ports=(*self.evaluation.ports, *([self.workplace.port] if self.workplace.port else [])),
            cpus=self.workplace.cpus,
        )

    async def _measurement(self, outcome: Outcome, directory: Path, required: tuple[str, ...]) -> Measurement:
        log = plain(outcome.stdout[-LOG_LENGTH:]) + plain(outcome.stderr[-LOG_LENGTH:])
        reason = self._failure(outcome, directory)
        found: dict[str, float] = {}
        if reason is None:
            try:
                found = metrics.check_required(await self.read_metrics(outcome, directory, required), required)
            except metrics.MetricsError as error:
                reason = str(error)
        if reason is None:
            return Measurement(state="complete", metrics=found, duration_s=outcome.duration_s, log=log)
        return Measurement(state="failed", reason=reason, duration_s=outcome.duration_s, log=log)

    def _failure(self, outcome: Outcome, directory: Path) -> str | None:
        if outcome.killed:
            return outcome.killed
        if outcome.exit_code != 0:
            last = last_line(outcome.stderr) or last_line(outcome.stdout)
            said = f": {last}" if last else ""
            memory = self.evaluation.limits.memory
            if _OUT_OF_MEMORY.search(outcome.stderr):
                said += f" (limit memory is {memory >> 20} MiB)"
            return f"exit status {outcome.exit_code}{said}"
        if not directory.is_dir():
            return "deleted its working directory"
        return None


def _unusable(words: list[str]) -> str | None:
    """Return why the system would not take words of a command or its environment, None when it may."""
    for word in words:
        try:
            if b"\0" in os.fsencode(word):
                return f"the command's word {word!r} contains a null character"
        except UnicodeEncodeError:
            return f"the command's word {word!r} cannot be written in this locale ({sys.getfilesystemencoding()})"
    return None


def language() -> dict[str, str]:
    """Return the variables that leave messages in the user's language, but print numbers with a point."""
    named = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return {**({"LANG": named} if named else {}), "LC_NUMERIC": "C"}


def last_line(text: str) -> str:
    """Return the last line that a program wrote, as one visible line; '' where it wrote none."""
    lines = plain(text[-LOG_LENGTH:]).strip().splitlines()
    return one_line(lines[-1], 200) if lines else ""
