"""The `command` target: one run of a program per evaluation."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ..expressions import Value
from ..sandbox import Outcome, SandboxedCommand, run
from . import metrics
from .base import LOG_LENGTH, Measurement, Watch, Workplace
from .evaluation import Evaluation
from .scratch import fresh_directory, remove_leftovers
from .template import fill

_PASSED_ON = ("LANG", "LC_ALL", "TZ")
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OUT_OF_MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|[Oo]ut of memory|OutOfMemoryError")


class CommandTarget:
    """Runs the study's command in the sandbox, in a fresh directory, and reads its metrics."""

    def __init__(self, evaluation: Evaluation, workplace: Workplace) -> None:
        self.evaluation = evaluation
        self.workplace = workplace

    async def prepare(self) -> None:
        """Remove what killed runs left behind."""
        remove_leftovers()

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
        reported: dict[str, float] = {}

        def line_printed(line: str) -> bool:
            reported.update(found := metrics.of_json_line(line) or {})
            return watch is not None and bool(found) and watch(found)

        with fresh_directory() as directory:
            job = {"configuration": dict(configuration), "seed": seed, "fidelity": fidelity}
            (directory / "trimtab.json").write_text(json.dumps(job))
            argv = self.argv(configuration, seed, fidelity)
            try:
                lines = None if watch is None else line_printed
                outcome = await run(self._sandboxed(argv, directory), self.workplace.sandbox, lines)
            except OSError as error:
                return Measurement(state="failed", reason=f"{argv[0]}: {error.strerror}")
            if outcome.stopped:
                log = clean(outcome.stdout[-LOG_LENGTH:])
                return Measurement(state="pruned", metrics=reported, duration_s=outcome.duration_s, log=log)
            return self._measurement(outcome, directory, required)

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

    def read_metrics(self, outcome: Outcome, directory: Path, _required: tuple[str, ...]) -> dict[str, float]:
        """Return all numbers the run reported; raises MetricsError."""
        if self.evaluation.patterns:
            return metrics.from_patterns(outcome.stdout, self.evaluation.patterns)
        if self.evaluation.metrics_file:
            return metrics.from_json_file(directory / self.evaluation.metrics_file)
        return metrics.from_last_json_line(outcome.stdout)

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

    def _measurement(self, outcome: Outcome, directory: Path, required: tuple[str, ...]) -> Measurement:
        log = clean(outcome.stdout[-LOG_LENGTH:] + outcome.stderr[-LOG_LENGTH:])[-LOG_LENGTH:]
        reason = self._failure(outcome, directory)
        found: dict[str, float] = {}
        if reason is None:
            try:
                found = metrics.check_required(self.read_metrics(outcome, directory, required), required)
            except metrics.MetricsError as error:
                reason = str(error)
        if reason is None:
            return Measurement(state="complete", metrics=found, duration_s=outcome.duration_s, log=log)
        return Measurement(state="failed", reason=reason, duration_s=outcome.duration_s, log=log)

    def _failure(self, outcome: Outcome, directory: Path) -> str | None:
        if outcome.killed:
            return outcome.killed
        if outcome.exit_code != 0:
            lines = clean(outcome.stderr).strip().splitlines() or clean(outcome.stdout).strip().splitlines()
            last = f": {lines[-1].strip()[:200]}" if lines else ""
            memory = self.evaluation.limits.memory
            if _OUT_OF_MEMORY.search(outcome.stderr):
                last += f" (limit memory is {memory >> 20} MiB)"
            return f"exit status {outcome.exit_code}{last}"
        if not directory.is_dir():
            return "deleted its working directory"
        return None


def clean(text: str) -> str:
    """Return text without terminal escapes and control characters, which an evaluation may print."""
    return _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
