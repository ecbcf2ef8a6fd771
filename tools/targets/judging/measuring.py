"""Measures an edited program so that it cannot fool who measures it.

Guard, measurement and judging are three processes in three sandboxes. The program sees a read-only copy of its project
and its input, in a folder of its own: not the study's folder, not the seed, not what judges it. The clock is ours. What
it prints is no metric: the judge reads its output after the clock has stopped.
"""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...expressions import Value
from ...sandbox import Outcome, SandboxedCommand, run
from ...text import one_line, plain
from ..base import LOG_LENGTH, Candidate, Measurement, TargetError, Watch, Workplace
from ..code.edits import EditError
from ..code.project import Project
from ..code.section import CLOCKED, CodeSection
from ..command import CommandTarget, last_line
from ..evaluation import Evaluation
from ..reading.metrics import MetricsError, check_required
from ..rendering.files import FileError
from ..scratch import fresh_directory, working_directory
from ..section import ProgramSection

_MOST_OUTPUT = 64 << 20
_MOST_COPIES = 20
"""Copies that are kept; an older one is made, and guarded, anew where it is measured again."""

_Program = tuple[str | None, tuple[tuple[str, Value], ...]]
"""An edit, and the values of the constants that the study tunes."""


class CodeCommand(CommandTarget):
    """Runs a command on a copy of the project that has the candidate's edit."""

    def __init__(self, section: ProgramSection, evaluation: Evaluation, workplace: Workplace) -> None:
        super().__init__(section, evaluation, workplace)
        assert section.code is not None
        self.code: CodeSection = section.code
        self._project: Project | None = None
        self._copies: dict[_Program, tuple[Path, ExitStack]] = {}
        self._refused: dict[_Program, str] = {}
        self._copy = Path()

    async def prepare(self) -> None:
        """Read the project, and see that it passes its own guard.

        Raises:
            InputError: it changed since the study began.
            TargetError: it does not pass.
        """
        await super().prepare()
        self._project = await asyncio.to_thread(Project.read, self.code, self.workplace.study_directory)
        if self.code.base and self._project.base != self.code.base:
            raise InputError(
                f"{self._project.folder} is no longer what it was when the study began",
                "its trials would not compare: undo the change, or start anew",
            )
        await self._ready((None, ()))

    async def apply(self, candidate: Candidate) -> None:
        """Make the copy with the candidate's edit, and let the guard look at it, once for each edit.

        Raises:
            TargetError: the edit cannot be made, or does not pass.
        """
        self._configuration = candidate.configuration
        constants = self.workplace.wording.in_program(candidate.configuration)
        self._copy = await self._ready((candidate.patch, tuple(constants.items())))

    async def restore(self) -> None:
        """Remove the copies."""
        stacks = [stack for _copy, stack in self._copies.values()]
        self._copies.clear()
        for stack in stacks:
            await asyncio.to_thread(stack.close)

    async def _ready(self, program: "_Program") -> Path:
        if program in self._refused:
            raise TargetError(self._refused[program])
        if program not in self._copies:
            stack = ExitStack()
            try:
                copy = await self._made(program, stack)
                await self._guard(program)
            except TargetError as error:
                self._refused[program] = str(error)
                await asyncio.to_thread(stack.close)
                raise
            except BaseException:
                stack.close()
                raise
            self._copies[program] = copy, stack
            for old in list(self._copies)[:-_MOST_COPIES]:
                _copy, stack = self._copies.pop(old)
                await asyncio.to_thread(stack.close)
        return self._copies[program][0]

    async def _made(self, program: "_Program", stack: ExitStack) -> Path:
        assert self._project is not None
        copy = stack.enter_context(fresh_directory(self._left.append))
        try:
            await asyncio.to_thread(self._project.copy_to, copy, program[0], dict(program[1]))
        except EditError as error:
            raise TargetError(str(error)) from None
        except OSError as error:
            raise TargetError(f"the project cannot be copied: {error.strerror}") from None
        return copy

    async def _guard(self, program: "_Program") -> None:
        """Run the guard on a copy of its own, which it may write: tests and settings in it are the project's.

        Raises:
            TargetError: a command of it fails.
        """
        assert self._project is not None
        for words in self.code.guard:
            async with working_directory(self._left.append) as folder:
                await asyncio.to_thread(self._project.copy_to, folder, program[0], dict(program[1]))
                values = self._places.values({}, 0, None, folder) | {"code": str(folder)}
                outcome = await self._step(words, values, folder, ())
            if wrong := _failure(outcome):
                raise TargetError(f"guard {one_line(' '.join(words), 60)!r}: {wrong}")

    async def evaluate(
        self,
        configuration: Mapping[str, Value],
        *,
        seed: int,
        fidelity: float | None = None,
        required: tuple[str, ...] = (),
        watch: Watch | None = None,
    ) -> Measurement:
        """Make the input, run the program on it, and let the judge read what it wrote."""
        del watch  # what the program prints is not read while it runs
        try:
            async with working_directory(self._left.append) as directory, self._inputs(configuration, seed) as inputs:
                values = self._places.values(configuration, seed, fidelity, directory)
                values |= {"code": str(self._copy)}
                job = {"configuration": self._places.job(values, configuration), "fidelity": fidelity}
                (directory / "trimtab.json").write_text(json.dumps(job), encoding="utf-8")
                self._places.write_files(values, directory)
                for words in self.code.build:
                    built = await self._step(words, values, directory, (self._copy,))
                    if wrong := _failure(built):
                        return self._failed(f"build: {wrong}", built)
                values |= {"input": str(inputs or "")}
                outcome = await run(self._timed(values, directory, inputs), self.workplace.sandbox)
                return await self._judged(outcome, values, directory, inputs, required)
        except TargetError as error:
            return Measurement(state="failed", reason=str(error))
        except OSError as error:
            return Measurement(state="failed", reason=f"{error.filename or 'the program'}: {error.strerror}")
        except ArithmeticError as error:
            return Measurement(state="failed", reason=f"derived value {error}")
        except FileError as error:
            return Measurement(state="failed", reason=f"files: {error}")

    @asynccontextmanager
    async def _inputs(self, configuration: Mapping[str, Value], seed: int) -> AsyncIterator[Path | None]:
        """Yield a folder with fresh input files, which the program can only read; None where the study makes none."""
        if self.code.input is None:
            yield None
            return
        async with working_directory(self._left.append) as folder:
            values = self._places.values(configuration, seed, None, folder) | {"input": str(folder)}
            made = await self._step(self.code.input, values, folder, (self.workplace.study_directory,))
            if wrong := _failure(made):
                raise TargetError(f"input: {wrong}")
            yield folder

    def _timed(self, values: Mapping[str, Value], directory: Path, inputs: Path | None) -> SandboxedCommand:
        """Return the program's command as it is measured."""
        shown = (self._copy, *([inputs] if inputs else []))
        return replace(self._sandboxed_as(self.argv(values), values, directory, shown), clocked=True)

    async def _judged(
        self,
        outcome: Outcome,
        values: Mapping[str, Value],
        directory: Path,
        inputs: Path | None,
        required: tuple[str, ...],
    ) -> Measurement:
        """Turn a run into a measurement, by our clock and by what the judge says of its output."""
        wrong = _failure(outcome)
        if wrong is not None:
            return self._failed(wrong, outcome)
        found = {"wall_s": outcome.duration_s, **({} if outcome.cpu_s is None else {"cpu_s": outcome.cpu_s})}
        log = plain(outcome.stdout[-LOG_LENGTH:]) + plain(outcome.stderr[-LOG_LENGTH:])
        if self.code.judge is not None:
            async with working_directory(self._left.append) as outputs, working_directory(self._left.append) as place:
                (outputs / "stdout").write_text(outcome.stdout, encoding="utf-8", errors="replace")
                for name in self.code.output:
                    with contextlib.suppress(FileNotFoundError):  # the judge says what it misses
                        (outputs / name).write_bytes(_plain_file(directory, name))
                _open_to_all(outputs)
                said = {**values, "output": str(outputs)}
                shown = (self.workplace.study_directory, outputs, *([inputs] if inputs else []))
                judged = await self._step(self.code.judge, said, place, shown)
                if wrong := _failure(judged):
                    return self._failed(f"judge: {wrong}", judged, outcome.duration_s)
                wanted = tuple(name for name in required if name not in CLOCKED)
                try:
                    found = {**(await self.read_metrics(judged, place, wanted) if wanted else {}), **found}
                except MetricsError as error:
                    return self._failed(f"judge: {error}", judged, outcome.duration_s)
        try:
            metrics = check_required(found, required)
        except MetricsError as error:
            return self._failed(str(error), outcome)
        return Measurement(state="complete", metrics=metrics, duration_s=outcome.duration_s, log=log)

    async def _step(
        self, words: Sequence[str], values: Mapping[str, Value], directory: Path, shown: tuple[Path, ...]
    ) -> Outcome:
        """Run one of the study's own commands around the program, in a sandbox that shows it `shown`."""
        argv = self.workplace.wording.fill(list(words), values)
        command = self._sandboxed_as(argv, values, directory, shown, timeout_s=self.code.timeout_s)
        return await run(command, self.workplace.sandbox)

    def _sandboxed_as(
        self,
        argv: Sequence[str],
        values: Mapping[str, Value],
        directory: Path,
        shown: tuple[Path, ...],
        timeout_s: float | None = None,
    ) -> SandboxedCommand:
        study = self.workplace.study_directory
        hidden = (*self.workplace.hidden, *(() if study in shown else (study,)))
        visible = tuple(path for path in self.readable() if path != study)  # this Python, and what the study names
        return self.sandboxed(argv, values, directory, readable=(*shown, *visible), hidden=hidden, timeout_s=timeout_s)

    def _failed(self, reason: str, outcome: Outcome, duration_s: float | None = None) -> Measurement:
        log = plain(outcome.stdout[-LOG_LENGTH:]) + plain(outcome.stderr[-LOG_LENGTH:])
        took = outcome.duration_s if duration_s is None else duration_s
        return Measurement(state="failed", reason=reason, duration_s=took, log=log)


def _failure(outcome: Outcome) -> str | None:
    if outcome.killed:
        return outcome.killed
    if outcome.exit_code:
        said = last_line(outcome.stderr) or last_line(outcome.stdout)
        return f"exit status {outcome.exit_code}{f': {said}' if said else ''}"
    return None


def _plain_file(directory: Path, name: str) -> bytes:
    """Return what a program left in a file: one of its own folder, no link, no pipe, of bounded size.

    Raises:
        FileNotFoundError: it left none.
        TargetError: it is something else.
    """
    try:
        number = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError:
        raise TargetError(f"output {name}: it is no plain file") from None
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise TargetError(f"output {name}: it is no plain file")
        with os.fdopen(os.dup(number), "rb") as file:
            data = file.read(_MOST_OUTPUT + 1)
    finally:
        os.close(number)
    if len(data) > _MOST_OUTPUT:
        raise TargetError(f"output {name}: it has more than {_MOST_OUTPUT >> 20} MiB")
    return data


def _open_to_all(folder: Path) -> None:
    """Let the judge, which may run as somebody else, read what is in a folder."""
    folder.chmod(0o755)
    for each in folder.iterdir():
        each.chmod(0o644)
