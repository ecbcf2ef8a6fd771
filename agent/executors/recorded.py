"""Executors beside a recording: one that records what it measures, and one that repeats what was measured.

A repeated run needs no target and takes no time, and its evaluations end in the recorded order.
"""

from collections import Counter, defaultdict
from typing import Any, Protocol

from ...tools.errors import TrimtabError
from ...tools.targets import Measurement, Watch
from .base import Executor, Job

_OF_THE_MACHINE = {"host", "attempt"}
"""What a recording, which is passed on, does not hold."""


class MeasurementMissingError(TrimtabError):
    """A replay came to an evaluation that was not recorded."""


class Recording(Protocol):
    """What is needed of a recording that is being made."""

    def measured(self, evaluation: dict[str, Any]) -> None: ...
    def describe(self, **facts: Any) -> None: ...


class Turns(Protocol):
    """What is needed of the order of a recorded run."""

    async def turn(self, mark: tuple[str, int]) -> None: ...
    def passed(self, mark: tuple[str, int]) -> None: ...


class RecordingExecutor:
    """Hands jobs on, and records every measurement."""

    def __init__(self, inner: Executor, recording: Recording) -> None:
        self.inner, self.recording = inner, recording
        self.sandbox_name, self.sandbox_guarantees = inner.sandbox_name, inner.sandbox_guarantees
        if hasattr(inner, "close_s"):
            self.close_s = inner.close_s
        recording.describe(executor={"workers": self.workers})

    @property
    def workers(self) -> int:
        """How many jobs run at a time now; a cluster grows."""
        return self.inner.workers

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Run the job, and record what came."""
        reports: list[dict[str, float]] = []

        def seen(metrics: Any) -> bool:
            reports.append(dict(metrics))
            return watch is not None and watch(metrics)

        measurement = await self.inner.submit(job, seen if watch is not None else None)
        said = {"reports": reports} if reports else {}
        self.recording.measured(
            {**_identity(job), **said, "measurement": measurement.model_dump(mode="json", exclude=_OF_THE_MACHINE)}
        )
        return measurement

    async def close(self) -> None:
        """Close the executor."""
        await self.inner.close()


class ReplayingExecutor:
    """Answers from recorded evaluations, in the order in which they ended."""

    sandbox_name, sandbox_guarantees = "none", "measurements of a recording, no code is run"

    def __init__(self, evaluations: list[dict[str, Any]], order: Turns, workers: int, name: str) -> None:
        self.order, self.workers, self.name = order, workers, name
        self._recorded: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for index, each in enumerate(evaluations):
            self._recorded[_key(each)].append((index, each))
        self._seen: Counter[tuple[Any, ...]] = Counter()

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Return what was measured.

        Raises:
            MeasurementMissingError: this evaluation was not recorded.
        """
        key = _key(_identity(job))
        recorded, at = self._recorded[key], self._seen[key]
        if at >= len(recorded):
            raise MeasurementMissingError(
                f"{self.name} holds no measurement of {job.candidate.key}, seed {job.seed}",
                "the study is not the recorded one; --replay-model takes the calls only",
            )
        self._seen[key] += 1
        index, line = recorded[at]
        await self.order.turn(("evaluation", index))
        self.order.passed(("evaluation", index))
        for metrics in line.get("reports", []):
            if watch is not None:
                watch(metrics)
        return Measurement.model_validate(line["measurement"])

    async def close(self) -> None:
        """Nothing to restore."""


def _identity(job: Job) -> dict[str, Any]:
    return {"candidate": job.candidate.key, "seed": job.seed, "fidelity": job.fidelity}


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["candidate"], line["seed"], line["fidelity"]
