"""The contract test of executors; `trimtab.agent.testing` is where others import it from."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from ...tools.expressions import Value
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


class ExecutorContract:
    """What every executor must do. Set `build` to its factory: it gets a study of a small Python program.

    An executor that runs no programs computes `contract_loss` of the parameter x instead.
    """

    build: ClassVar[Callable[[Study], Executor]]

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

    def job(self, study: Study, x: Value, seed: int = 1) -> Job:
        """Return the job that evaluates x once."""
        return Job(
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
