"""The contract test of executors; `trimtab.agent.testing` is where others import it from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from ...tools.ending import EndingError
from ...tools.expressions import Value
from ...tools.targets import TARGETS, Evaluation, Measurement, TargetSection, Watch, Workplace
from ..study.file import parse_study
from ..study.sections import Study
from ..trials.candidate import Candidate
from .base import Executor, Job

_PROGRAM = """
import json, sys, time
x, seed = float(sys.argv[1]), int(sys.argv[2])
if x < 0:
    sys.exit("x is negative")
time.sleep(60 if x > 0.9 else 0)
print(json.dumps({"loss": 1 + x * x}))
"""
_PATIENCE_S = 60.0


def contract_loss(x: float) -> float:
    """Return the metric `loss` of the contract's program.

    Raises:
        ValueError: the program fails, for x below 0.
    """
    if x < 0:
        raise ValueError("x is negative")
    return 1 + x * x


class BrittleSection(TargetSection):
    """What the brittle target does wrong on worker 0: nothing, raise or hang, in each of its phases."""

    kind: Literal["brittle"]
    breaks: dict[Literal["prepare", "apply", "measure", "restore"], Literal["raises", "hangs"]]


class BrittleTarget:
    """Writes down in the study's folder what is done to it."""

    Section = BrittleSection
    restore_s = 2.0

    def __init__(self, section: BrittleSection, _evaluation: Evaluation, workplace: Workplace) -> None:
        self.breaks = section.breaks if workplace.worker == 0 else {}
        self.log = workplace.study_directory / f"worker-{workplace.worker}"

    async def prepare(self) -> None:
        """Write it down."""
        await self._do("prepare")

    async def apply(self, _candidate: object) -> None:
        """Write it down."""
        await self._do("apply")

    async def measure(
        self, _seed: int, _fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Write it down, and take so long that every worker gets a job."""
        del required, watch
        await self._do("measure")
        await asyncio.sleep(0.3)
        return Measurement(state="complete", metrics={"loss": 1.0})

    async def restore(self) -> None:
        """Write it down."""
        await self._do("restore")

    async def _do(self, what: Literal["prepare", "apply", "measure", "restore"]) -> None:
        with self.log.open("a") as log:
            log.write(f"{what}\n")
        match self.breaks.get(what):
            case "raises":
                raise RuntimeError(f"no {what}")
            case "hangs":
                await asyncio.sleep(3600)


class ExecutorContract:
    """What every executor must do. Set `build` to its factory: it gets a study of a small Python program.

    An executor that runs no programs computes `contract_loss` of the parameter x instead, and one that builds no
    targets sets `has_targets` to False.
    """

    build: ClassVar[Callable[[Study], Executor]]
    has_targets: ClassVar[bool] = True

    def study(self, folder: Path) -> Study:
        """Return a study whose program fails for x below 0 and hangs for x above 0.9."""
        (folder / "program.py").write_text(_PROGRAM)
        data = {
            "study": {"name": "contract"},
            "parameters": {"x": {"type": "float", "low": -1.0, "high": 1.0, "default": 0.5}},
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "evaluation": {"command": ["{python}", "{study_dir}/program.py", "{x}", "{seed}"], "workers": 2},
        }
        return parse_study(data, folder / "study.toml")

    @contextmanager
    def brittle(self, folder: Path, **breaks: str) -> Iterator[Study]:
        """Yield a study whose target breaks on worker 0; there is its kind meanwhile."""
        data = self.study(folder).model_dump(exclude={"evaluation", "target"}, exclude_none=True)
        target = {"kind": "brittle", "breaks": breaks}
        known = TARGETS.built_in
        TARGETS.built_in = {**known, "brittle": f"{__name__}:{BrittleTarget.__name__}"}
        try:
            yield parse_study({**data, "target": target, "evaluation": {"workers": 2}}, folder / "study.toml")
        finally:
            TARGETS.built_in = known

    def job(self, study: Study, x: Value, seed: int = 1) -> Job:
        """Return the job that evaluates x once."""
        return Job(
            target=study.target,
            evaluation=study.evaluation,
            directory=study.directory,
            candidate=Candidate({"x": x}),
            seed=seed,
            required=("loss",),
        )

    @asynccontextmanager
    async def opened(self, study: Study) -> AsyncIterator[Executor]:
        """Yield an executor that is closed at the end, within a minute."""
        async with asyncio.timeout(_PATIENCE_S):
            executor = type(self).build(study)
            try:
                yield executor
            finally:
                await executor.close()

    async def test_says_what_it_guarantees(self, tmp_path: Path) -> None:
        """Reports show it, and the loop keeps as many jobs under way as there are workers."""
        async with self.opened(self.study(tmp_path)) as executor:
            assert executor.sandbox_name
            assert executor.sandbox_guarantees
            assert executor.workers >= 1

    async def test_measures_a_job(self, tmp_path: Path) -> None:
        """The required metrics come back, whatever runs beside."""
        study = self.study(tmp_path)
        async with self.opened(study) as executor:
            found = await asyncio.gather(*(executor.submit(self.job(study, x)) for x in (0.0, 0.25, 0.5)))
        assert [each.metrics["loss"] for each in found] == [1.0, 1.0625, 1.25]

    async def test_a_failing_job_is_a_failed_measurement(self, tmp_path: Path) -> None:
        """It is no exception, it says why in one line, and the executor goes on."""
        study = self.study(tmp_path)
        async with self.opened(study) as executor:
            failed = await executor.submit(self.job(study, -0.5))
            after = await executor.submit(self.job(study, 0.5))
        assert (failed.state, failed.metrics, after.state) == ("failed", {}, "complete")
        assert failed.reason
        assert "\n" not in failed.reason

    async def test_cancelled_jobs_free_their_workers(self, tmp_path: Path) -> None:
        """Those that wait for a worker too; the next job runs as if nothing had been."""
        study = self.study(tmp_path)
        async with self.opened(study) as executor:
            jobs = [asyncio.ensure_future(executor.submit(self.job(study, 1.0))) for _ in range(executor.workers + 2)]
            await asyncio.sleep(0.2)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            found = await asyncio.gather(*(executor.submit(self.job(study, 0.5)) for _ in range(executor.workers)))
        assert [each.state for each in found] == ["complete"] * executor.workers

    async def test_closes_unused_and_twice(self, tmp_path: Path) -> None:
        """A run that ends before its first evaluation closes it too, and so does a run that was cut short."""
        study = self.study(tmp_path)
        async with self.opened(study) as executor:
            await executor.close()
        async with self.opened(study) as executor:
            await executor.submit(self.job(study, 0.5))
            await executor.close()

    async def test_a_restore_that_breaks_keeps_no_other_from_being_restored(self, tmp_path: Path) -> None:
        """It is told, and the others are as before."""
        for how in ("raises", "hangs") if self.has_targets else ():
            folder = tmp_path / how
            folder.mkdir()
            with self.brittle(folder, restore=how) as study:
                executor = type(self).build(study)
                async with asyncio.timeout(_PATIENCE_S):
                    await asyncio.gather(*(executor.submit(self.job(study, x)) for x in (0.1, 0.2)))
                    told = await asyncio.gather(executor.close(), return_exceptions=True)
            assert isinstance(told[0], EndingError)
            for worker in (0, 1):
                assert self.done(folder, worker) == ["prepare", "apply", "measure", "restore"]

    async def test_what_was_prepared_half_way_is_restored(self, tmp_path: Path) -> None:
        """Whether it raised or was cancelled."""
        for how in ("raises", "hangs") if self.has_targets else ():
            folder = tmp_path / how
            folder.mkdir()
            with self.brittle(folder, prepare=how) as study:
                async with self.opened(study) as executor:
                    jobs = [asyncio.ensure_future(executor.submit(self.job(study, x))) for x in (0.1, 0.2)]
                    while not self.done(folder, 0):  # noqa: ASYNC110  # a file that another process writes
                        await asyncio.sleep(0.01)
                    for job in jobs:
                        job.cancel()
                    await asyncio.gather(*jobs, return_exceptions=True)
            assert self.done(folder, 0) == ["prepare", "restore"]
            assert self.done(folder, 1)[-1:] in ([], ["restore"])

    async def test_a_candidate_that_cannot_be_applied_is_told_apart(self, tmp_path: Path) -> None:
        """It is a failed evaluation of the phase `apply`, and is not measured."""
        if not self.has_targets:
            return
        with self.brittle(tmp_path, apply="raises") as study:
            async with self.opened(study) as executor:
                failed = await executor.submit(self.job(study, 0.1))
        assert (failed.state, failed.phase) == ("failed", "apply")
        assert self.done(tmp_path, 0) == ["prepare", "apply", "restore"]

    def done(self, folder: Path, worker: int) -> list[str]:
        """Return what was done to a worker's brittle target."""
        log = folder / f"worker-{worker}"
        return log.read_text().split() if log.exists() else []
