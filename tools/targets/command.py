"""The `command` target: one run of a program per evaluation."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ..expressions import Value
from ..sandbox import Outcome, SandboxedCommand, run
from ..text import one_line, plain
from . import metrics
from .base import LOG_LENGTH, Measurement, Watch, Workplace
from .evaluation import Evaluation
from .patterns import from_patterns
from .scratch import remove_leftovers, working_directory
from .template import fill

_PASSED_ON = ("LANG", "LC_ALL", "TZ")
_OUT_OF_MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|[Oo]ut of memory|OutOfMemoryError")


class CommandTarget:
    """Runs the study's command in the sandbox, in a fresh directory, and reads its metrics."""

    def __init__(self, evaluation: Evaluation, workplace: Workplace) -> None:
        self.evaluation = evaluation
        self.workplace = workplace
        self._left: list[str] = []

    async def prepare(self) -> None:
        """Remove what killed runs left behind."""
        await asyncio.to_thread(remove_leftovers, self._left.append)

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
        """Run the command once; see `Target.evaluate`."""
        argv = self.argv(configuration, seed, fidelity)
        if wrong := _unusable(argv):
            return Measurement(state="failed", reason=wrong)
        job = {"configuration": dict(configuration), "seed": seed, "fidelity": fidelity}
        try:
            async with working_directory(self._left.append) as directory:
                (directory / "trimtab.json").write_text(json.dumps(job), encoding="utf-8")
                measured = await self._run(argv, directory, required, watch)
        except OSError as error:  # no program, or no room for its folder
            measured = Measurement(state="failed", reason=f"{error.filename or argv[0]}: {error.strerror}")
        if not self._left:
            return measured
        notice = self._left[-1]
        self._left.clear()
        return measured.model_copy(update={"notice": notice})

    async def _run(
        self, argv: list[str], directory: Path, required: tuple[str, ...], watch: Watch | None
    ) -> Measurement:
        reported: dict[str, float] = {}

        def line_printed(line: str) -> bool:
            found = metrics.of_watched_line(line)
            reported.update(found)
            return watch is not None and bool(found) and watch(found)

        lines = None if watch is None else line_printed
        outcome = await run(self._sandboxed(argv, directory), self.workplace.sandbox, lines)
        if outcome.stopped:
            log = outcome.stdout[-LOG_LENGTH:]
            return Measurement(state="pruned", metrics=reported, duration_s=outcome.duration_s, log=log)
        return await self._measurement(outcome, directory, required)

    def argv(self, configuration: Mapping[str, Value], seed: int, fidelity: float | None) -> list[str]:
        """Return the command line for a configuration."""
        values: dict[str, Value] = {
            **configuration,
            "seed": seed,
            "study_dir": str(self.workplace.study_directory),
            "python": sys.executable,
        }
        if fidelity is not None:
            values["fidelity"] = fidelity
        return fill(self.evaluation.command or [], values)

    async def read_metrics(self, outcome: Outcome, directory: Path, _required: tuple[str, ...]) -> dict[str, float]:
        """Return all numbers the run reported; raises MetricsError."""
        if self.evaluation.patterns:
            return await from_patterns(outcome.stdout, self.evaluation.patterns)
        if self.evaluation.metrics_file:
            return await asyncio.to_thread(metrics.from_json_file, directory / self.evaluation.metrics_file)
        return await asyncio.to_thread(metrics.from_last_json_line, outcome.stdout)

    def readable(self) -> tuple[Path, ...]:
        """Return what the sandbox shows of the hidden folders: the study, this Python, what the study names."""
        study = self.workplace.study_directory
        named = [study / path.expanduser() for path in self.evaluation.readable]
        return (study, Path(sys.prefix), Path(sys.base_prefix), *named)

    def _sandboxed(self, argv: list[str], directory: Path) -> SandboxedCommand:
        passed = [*_PASSED_ON, *self.evaluation.pass_environment]
        python_bin = str(Path(sys.executable).parent)
        environment = {
            **{name: os.environ[name] for name in passed if name in os.environ},
            "PATH": f"{python_bin}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "TRIMTAB_JOB": str(directory / "trimtab.json"),
            **self.evaluation.environment,
        }
        return SandboxedCommand(
            argv=tuple(argv),
            directory=directory,
            environment=environment,
            timeout_s=self.evaluation.timeout_s,
            limits=self.evaluation.limits,
            readable=self.readable(),
            hidden=self.workplace.hidden,
            network=self.evaluation.network,
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
            last = _last_line(outcome.stderr) or _last_line(outcome.stdout)
            said = f": {last}" if last else ""
            memory = self.evaluation.limits.memory
            if _OUT_OF_MEMORY.search(outcome.stderr):
                said += f" (limit memory is {memory >> 20} MiB)"
            return f"exit status {outcome.exit_code}{said}"
        if not directory.is_dir():
            return "deleted its working directory"
        return None


def _unusable(argv: list[str]) -> str | None:
    """Return why the system would not take a command line, None when it may."""
    for word in argv:
        try:
            if b"\0" in os.fsencode(word):
                return f"the command's word {word!r} contains a null character"
        except UnicodeEncodeError:
            return f"the command's word {word!r} cannot be written in this locale ({sys.getfilesystemencoding()})"
    return None


def _last_line(text: str) -> str:
    lines = plain(text[-LOG_LENGTH:]).strip().splitlines()
    return one_line(lines[-1], 200) if lines else ""
