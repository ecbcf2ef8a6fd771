"""Runs evaluations on this machine, in the sandbox, one per worker at a time."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...tools.ending import Step, run_all
from ...tools.errors import InputError
from ...tools.sandbox import choose_sandbox
from ...tools.targets import (
    Evaluation,
    Journal,
    Measurement,
    Target,
    TargetSection,
    Watch,
    Wording,
    Workplace,
    build_target,
    isolation_of,
)
from ...tools.targets.preparation.lifecycle import applied, measured
from ..study.executor import LocalSection
from .base import Job, Kind, Site, Warmth
from .host import this_host

_SLACK_S = 10.0

Build = Callable[[Evaluation, Workplace, TargetSection | None], Target]


@dataclass(eq=False)
class _Worker:
    """A target, and how far it got: `begun` when its `prepare` was called, `ready` when that succeeded.

    `applied` is the candidate that the system has, '' when that is not known.
    """

    target: Target
    place: Workplace
    warmth: Warmth = field(default_factory=Warmth)
    begun: bool = False
    ready: bool = False
    applied: str = ""

    async def measure(self, job: Job, watch: Watch | None) -> Measurement:
        """Run one job, after the system was prepared."""
        self.place.now.trial = job.trial
        if not self.ready:
            self.begun = True
            await self.target.prepare()
            self.ready = True
        return await self.warmth.measure(job, lambda watched: self._once(job, watched), watch)

    async def _once(self, job: Job, watch: Watch | None) -> Measurement:
        """Measure once; the candidate is applied first, where the system has another one or something went wrong."""
        known, self.applied = self.applied, ""
        if known != job.candidate.key:
            failed = await applied(self.target, job.candidate)
            if failed is not None:
                return failed
        found = await measured(self.target, job.seed, job.fidelity, job.required, watch)
        self.applied = job.candidate.key if found.state == "complete" else ""
        return found

    async def restore(self) -> None:
        """Undo what was prepared, also where that failed half way."""
        self.ready, self.applied = False, ""
        await self.target.restore()
        self.place.journal.clear()
        self.begun = False


class LocalExecutor:
    """A pool of workers; each has its own target, and CPUs of its own when the study pins them.

    `close_s` is how long `close` may take, in seconds. `left` are lines about what it did not undo, because another
    person had changed it meanwhile.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        directory: Path,
        hidden: tuple[Path, ...] = (),
        wording: Wording | None = None,
        *,
        target: TargetSection | None = None,
        journal: Callable[[int], Journal] = lambda _worker: Journal(),
        build: Build = build_target,
    ) -> None:
        """Choose the sandbox and build a target per worker: of the section `target`, else what `evaluation` names.

        Raises:
            InputError: the sandbox, the CPUs or the target that the study asks for are not there.
        """
        sandbox = choose_sandbox(isolation_of(evaluation, target))
        self.workers = evaluation.workers
        self.sandbox_name, self.sandbox_guarantees = sandbox.name, sandbox.guarantees
        self._workers = []
        for worker, cpus in enumerate(_cpu_sets(evaluation)):
            place = Workplace(sandbox, directory, cpus, hidden, wording or Wording(), worker, journal=journal(worker))
            self._workers.append(_Worker(build(evaluation, place, target), place))
        self.close_s = _SLACK_S + max(worker.target.restore_s for worker in self._workers)
        self.left: list[str] = []
        self._idle = [*self._workers]
        self._free = asyncio.Semaphore(self.workers)

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Wait for an idle worker, the one that is warm for the candidate if it is idle, and run the job on it."""
        async with self._free:
            worker = next((each for each in self._idle if each.warmth.key == job.candidate.key), self._idle[0])
            self._idle.remove(worker)
            try:
                found = await worker.measure(job, watch)
                return found.model_copy(update={"host": this_host()})
            finally:
                self._idle.append(worker)

    async def close(self) -> None:
        """Restore every system that was begun to be prepared, all at once, each within its target's `restore_s`.

        Raises:
            EndingError: one could not be restored; the others were.
        """
        begun = [worker for worker in self._workers if worker.begun]
        try:
            await run_all([Step("restoring the target", one.restore, one.target.restore_s) for one in begun])
        finally:
            self.left += [line for worker in begun for line in worker.place.journal.left]


def _cpu_sets(evaluation: Evaluation) -> list[tuple[int, ...]]:
    """Return the CPUs of each worker; empty tuples when they are not pinned."""
    if not evaluation.pin_cpus:
        return [()] * evaluation.workers
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < evaluation.workers:
        message = f"evaluation.workers = {evaluation.workers} with pin_cpus, but this process has {len(cpus)} CPUs"
        raise InputError(message, "lower workers or set pin_cpus = false")
    share = len(cpus) // evaluation.workers
    return [tuple(cpus[worker * share : (worker + 1) * share]) for worker in range(evaluation.workers)]


def build(_section: LocalSection, site: Site) -> LocalExecutor:
    """Return the workers of this machine for a study.

    Raises:
        InputError: the sandbox, the CPUs or the target that the study asks for are not there.
    """
    study = site.study
    where = (study.evaluation, study.directory, site.hidden, study.wording)
    return LocalExecutor(*where, target=study.target, journal=site.journal)


KIND = Kind(LocalSection, build)
