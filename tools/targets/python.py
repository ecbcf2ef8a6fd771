"""The `python` target: a function of the study's folder, called in a process of its own, never in ours."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from ..expressions import Value
from ..sandbox import Outcome
from .command import CommandTarget
from .reading import metrics
from .section import PythonSection

_WORKER = Path(__file__).with_name("python_worker.py")


class PythonTarget(CommandTarget):
    """Calls `function(configuration)`, or with parameters by name where its signature names some of them, and with
    `seed` and `fidelity` where it takes them. It returns numbers by name, or one number: the first required metric."""

    Section = PythonSection

    def argv(self, values: Mapping[str, Value]) -> list[str]:  # noqa: ARG002
        """Return the worker's command line; it reads the configuration from its job file."""
        assert self.evaluation.python is not None
        return [sys.executable, str(_WORKER), str(self.workplace.study_directory), self.evaluation.python]

    def readable(self) -> tuple[Path, ...]:
        """Return what a command may read, and the worker's own file."""
        return (*super().readable(), _WORKER)

    async def read_metrics(self, outcome: Outcome, directory: Path, required: tuple[str, ...]) -> dict[str, float]:
        """Return what the function returned; a plain number is the first required metric."""
        del outcome
        found = await asyncio.to_thread(metrics.from_json_file, directory / "trimtab-result.json")
        if "return value" in found and required:
            return {required[0]: found["return value"]}
        return found
