"""The interface of an executor. Jobs and measurements are plain serialisable data, so they can travel."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict

from ...tools.targets import AnyTarget, Evaluation, Journal, Measurement, Watch, Wording
from ..study.executor import ExecutorSection
from ..study.sections import Study
from ..trials.candidate import Candidate
from .attempts import AttemptLog, Unstored

_AS_THEY_ARE = Wording()


class Job(BaseModel):
    """One evaluation to run, with all that is needed to run it elsewhere; JSON brings it there and back unchanged.

    `warmup` is how many evaluations come before it and do not count, on a worker new to the candidate. `target` is None
    where the evaluation section names it. `trial` is the number of the trial that it belongs to; that, `purpose`
    ('tune', or a phase of the final check) and `position` identify it within a study. An executor that sends it to
    another machine adds `hidden`, the files and folders that it must not see, `bundle`, the study's folder, and
    `watched`, whether somebody watches its reports. `host` is the machine that it should run on if that is still there:
    it is compared with what ran there.
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
    purpose: str = "tune"
    position: int = 0
    hidden: tuple[Path, ...] = ()
    bundle: str = ""
    host: str = ""
    watched: bool = False
    wording: Wording = _AS_THEY_ARE

    @classmethod
    def of(cls, study: Study, candidate: Candidate, seed: int, **more: Any) -> Self:  # fields of a job
        """Return the job that evaluates a candidate of a study once, at full fidelity, after its warm-ups."""
        known: dict[str, Any] = {
            "evaluation": study.evaluation,
            "directory": study.directory,
            "candidate": candidate,
            "seed": seed,
            "required": study.required_metrics,
            "fidelity": study.fidelity.high if study.fidelity else None,
            "warmup": study.evaluation.warmup,
            "target": study.target,
            "wording": study.wording,
        }
        return cls(**known | more)


class Executor(Protocol):
    """Runs jobs, `workers` of them at a time."""

    @property
    def sandbox_name(self) -> str:
        """The name of the sandbox that evaluations run in."""

    @property
    def sandbox_guarantees(self) -> str:
        """What it isolates and limits, in words."""

    @property
    def workers(self) -> int:
        """How many jobs run at a time now; a cluster grows and shrinks."""

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


@dataclass(frozen=True)
class Site:
    """For what an executor is built: a study, and what its evaluations must not see.

    `journal` returns the journal in which a worker of this machine notes what it will have to undo; `attempts` is where
    attempts on other machines are noted. `name` is by what engines know the study, and no other.
    """

    study: Study
    hidden: tuple[Path, ...] = ()
    journal: Callable[[int], Journal] = lambda _worker: Journal()
    attempts: AttemptLog = field(default_factory=Unstored)
    name: str = field(default_factory=lambda: f"trimtab-{secrets.token_hex(8)}")


@dataclass(frozen=True)
class Kind:
    """A kind of executor: the model of its section in the study file, and what builds one.

    `build` raises InputError where what the study asks for is not there.
    """

    section: type[ExecutorSection]
    build: Callable[[Any, Site], Executor]
