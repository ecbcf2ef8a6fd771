"""The interface of an executor. Jobs and measurements are plain serialisable data, so they can travel."""

from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from ...tools.targets import Evaluation, Measurement, Watch
from ..trials.candidate import Candidate


class Job(BaseModel):
    """One evaluation to run."""

    model_config = ConfigDict(frozen=True)

    evaluation: Evaluation
    directory: Path
    candidate: Candidate
    seed: int
    required: tuple[str, ...]
    fidelity: float | None = None


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
        """Restore the systems that were prepared."""
