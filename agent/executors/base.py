"""The interface of an executor. Jobs and measurements are plain serialisable data, so they can travel."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from ...tools.targets import AnyTarget, Evaluation, Measurement, Watch
from ..trials.candidate import Candidate


class Job(BaseModel):
    """One evaluation to run; `warmup` is how many come before it and do not count, on a worker new to the candidate.

    `target` is None where the evaluation section names it. `trial` is the number of the trial that it belongs to.
    """

    model_config = ConfigDict(frozen=True)

    evaluation: Evaluation
    directory: Path
    candidate: Candidate
    seed: int
    required: tuple[str, ...]
    fidelity: float | None = None
    warmup: int = 0
    target: AnyTarget | None = None
    trial: int = 0


class Executor(Protocol):
    """Runs jobs, `workers` of them at a time."""

    workers: int
    sandbox_name: str
    sandbox_guarantees: str

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Run a job and return its measurement; cancelling the call ends the job and all its processes.

        `watch` sees the intermediate values that the evaluation reports, and stops it by returning true.
        """

    async def close(self) -> None:
        """Restore the systems that were prepared. May take `close_s` seconds, where an executor has that attribute."""


Once = Callable[[Watch | None], Awaitable[Measurement]]
"""Runs an evaluation of a job."""


@dataclass
class Warmth:
    """Which candidate a worker is warm for: the one that it measured last."""

    key: str = ""

    async def measure(
        self, job: Job, once: Callable[[Watch | None], Awaitable[Measurement]], watch: Watch | None
    ) -> Measurement:
        """Measure once, after the job's warm-ups where the worker is not warm; a warm-up that fails is the result."""
        warm, self.key = self.key == job.candidate.key, ""
        for _ in range(0 if warm else job.warmup):
            found = await once(None)
            if found.state == "failed":
                return found.during("warm-up") if found.phase == "measure" else found
        found = await once(watch)
        self.key = job.candidate.key if found.state == "complete" else ""
        return found
