"""Runs evaluations on this machine, in the sandbox, one per worker at a time."""

import asyncio
import os
from pathlib import Path

from ...tools.errors import InputError
from ...tools.sandbox import choose_sandbox
from ...tools.targets import Evaluation, Measurement, Target, Watch, Workplace, build_target
from .base import Job


class LocalExecutor:
    """A pool of workers; each has its own target, and CPUs of its own when the study pins them."""

    def __init__(self, evaluation: Evaluation, directory: Path, hidden: tuple[Path, ...] = ()) -> None:
        """Choose the sandbox and build a target per worker.

        Raises:
            InputError: the sandbox or the CPUs that the study asks for are not there.
        """
        sandbox = choose_sandbox(evaluation.isolation)
        self.workers = evaluation.workers
        self.sandbox_name, self.sandbox_guarantees = sandbox.name, sandbox.guarantees
        self._idle: asyncio.Queue[Target] = asyncio.Queue()
        self._prepared: list[Target] = []
        for cpus in _cpu_sets(evaluation):
            self._idle.put_nowait(build_target(evaluation, Workplace(sandbox, directory, cpus, hidden)))

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Wait for an idle worker and run the job on it."""
        target = await self._idle.get()
        try:
            if target not in self._prepared:
                await target.prepare()
                self._prepared.append(target)
            return await target.evaluate(
                job.candidate.configuration, seed=job.seed, fidelity=job.fidelity, required=job.required, watch=watch
            )
        finally:
            self._idle.put_nowait(target)

    async def close(self) -> None:
        """Restore every target that was prepared."""
        while self._prepared:
            await self._prepared.pop().restore()


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
