"""Executors: the contract for all of them, and how the local one ends."""

import asyncio
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.executors.base import Job
from trimtab.agent.executors.host import this_host
from trimtab.agent.executors.local import LocalExecutor
from trimtab.agent.testing import ExecutorContract, FunctionExecutor, contract_loss
from trimtab.agent.trials.candidate import Candidate
from trimtab.evals.tasks.task import LookUp
from trimtab.tools.ending import EndingError
from trimtab.tools.targets import Evaluation, Measurement


def computed(configuration: Mapping[str, Any], _seed: int) -> dict[str, float]:
    return {"loss": contract_loss(configuration["x"])}


class TestLocal(ExecutorContract):
    build = staticmethod(lambda study: LocalExecutor(study.evaluation, study.directory, target=study.target))


class TestFunction(ExecutorContract):
    build = staticmethod(lambda _study: FunctionExecutor(computed, workers=2))
    has_targets = False


class TestLookUp(ExecutorContract):
    build = staticmethod(lambda _study: LookUp(computed))
    has_targets = False


class Brittle:
    """A target that writes down what is done to it, and breaks where it is told to."""

    def __init__(self, restore_s: float = 60.0, **breaks: str) -> None:
        self.restore_s, self.breaks, self.done = restore_s, breaks, list[str]()

    async def prepare(self) -> None:
        await self._do("prepare")

    async def apply(self, candidate: Candidate) -> None:
        self.candidate = candidate
        await self._do("apply")

    async def measure(self, _seed: int, _fidelity: float | None = None, **_how: Any) -> Measurement:
        await self._do("measure")
        return Measurement(state="complete", metrics={"loss": 1.0})

    async def restore(self) -> None:
        await self._do("restore")

    async def _do(self, what: str) -> None:
        self.done.append(what)
        await asyncio.sleep(0)
        match self.breaks.get(what):
            case "raises":
                raise RuntimeError(f"no {what}")
            case "hangs":
                await asyncio.sleep(3600)


def job(folder: Path) -> Job:
    contract = ExecutorContract()
    return contract.job(contract.study(folder), 0.5)


def executor(folder: Path, *targets: Brittle) -> LocalExecutor:
    study, waiting = ExecutorContract().study(folder), list(targets)
    evaluation = study.evaluation.model_copy(update={"workers": len(targets)})
    return LocalExecutor(evaluation, study.directory, build=lambda *_: waiting.pop(0))


async def test_every_target_is_restored_though_one_raises_and_one_hangs(
    tmp_path: Path,
) -> None:
    for breaks in ({"restore": "raises"}, {"restore": "hangs"}):
        broken, sound = Brittle(2.0, **breaks), Brittle()
        opened = executor(tmp_path, broken, sound)
        await asyncio.gather(*(opened.submit(job(tmp_path)) for _ in range(2)))
        with pytest.raises(EndingError, match=r"restoring the target: (RuntimeError: no restore|not done after)"):
            await opened.close()
        assert sound.done == ["prepare", "apply", "measure", "restore"]


async def test_a_target_that_was_prepared_half_way_is_restored(tmp_path: Path) -> None:
    failed, unused = Brittle(prepare="raises"), Brittle()
    opened = executor(tmp_path, failed, unused)
    with pytest.raises(RuntimeError, match="no prepare"):
        await opened.submit(job(tmp_path))
    await opened.close()
    assert failed.done == ["prepare", "restore"]
    assert unused.done == []


async def test_a_target_that_was_cancelled_while_it_was_prepared_is_restored_once(tmp_path: Path) -> None:
    slow = Brittle(prepare="hangs")
    opened = executor(tmp_path, slow, Brittle())
    running = asyncio.ensure_future(opened.submit(job(tmp_path)))
    while not slow.done:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await opened.close()
    await opened.close()
    assert slow.done == ["prepare", "restore"]


async def test_a_target_that_could_not_be_prepared_is_prepared_again_for_the_next_job(tmp_path: Path) -> None:
    once = Brittle(prepare="raises")
    opened = executor(tmp_path, once, once)
    with pytest.raises(RuntimeError):
        await opened.submit(job(tmp_path))
    once.breaks = {}
    assert (await opened.submit(job(tmp_path))).state == "complete"


class Counting(Brittle):
    """A target that writes down what it measures, and fails for x below 0."""

    async def apply(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.done.append("apply")

    async def measure(self, _seed: int, _fidelity: float | None = None, **_how: Any) -> Measurement:
        x = float(str(self.candidate.configuration["x"]))
        self.done.append(str(x))
        await asyncio.sleep(0)
        if x < 0:
            return Measurement(state="failed", reason="x is negative")
        return Measurement(state="complete", metrics={"loss": 1.0})


def warming(folder: Path, x: float, seed: int = 1) -> Job:
    return job(folder).model_copy(update={"candidate": Candidate({"x": x}), "seed": seed, "warmup": 2})


async def test_warm_ups_run_on_the_worker_of_their_evaluation(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    opened = executor(tmp_path, one, other)
    await asyncio.gather(*(opened.submit(warming(tmp_path, x)) for x in (0.1, 0.2, 0.3, 0.4)))
    assert one.done == ["prepare", "apply", *["0.1"] * 3, "apply", *["0.3"] * 3]
    assert other.done == ["prepare", "apply", *["0.2"] * 3, "apply", *["0.4"] * 3]


async def test_what_a_worker_is_warm_for_is_measured_there_without_warming_up_again(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    opened = executor(tmp_path, one, other)
    await asyncio.gather(*(opened.submit(warming(tmp_path, x)) for x in (0.1, 0.2)))
    for seed in (2, 3):
        await opened.submit(warming(tmp_path, 0.2, seed))
    assert other.done == ["prepare", "apply", *["0.2"] * 5]
    await opened.submit(warming(tmp_path, 0.3))
    assert one.done == ["prepare", "apply", *["0.1"] * 3, "apply", *["0.3"] * 3]


async def test_the_first_warm_up_that_fails_is_the_result_and_told_apart(tmp_path: Path) -> None:
    target = Counting()
    opened = executor(tmp_path, target, Counting())
    found = await opened.submit(warming(tmp_path, -0.5))
    assert (found.state, found.reason) == ("failed", "warm-up: x is negative")
    assert target.done == ["prepare", "apply", "-0.5"]


async def test_a_candidate_is_applied_once_for_its_warm_ups_and_repeats_and_again_after_a_failure(
    tmp_path: Path,
) -> None:
    target = Brittle()
    opened = executor(tmp_path, target)
    for seed in (1, 2):
        await opened.submit(warming(tmp_path, 0.5, seed))
    target.breaks = {"measure": "raises"}
    failed = await opened.submit(warming(tmp_path, 0.5, 3))
    assert (failed.state, failed.phase, failed.reason) == ("failed", "measure", "RuntimeError: no measure")
    target.breaks = {}
    await opened.submit(warming(tmp_path, 0.5, 4))
    assert target.done == ["prepare", "apply", *["measure"] * 3, "measure", "measure", "apply", *["measure"] * 3]


async def test_a_candidate_that_cannot_be_applied_is_a_failure_of_its_own_and_is_not_measured(tmp_path: Path) -> None:
    target = Brittle(apply="raises")
    opened = executor(tmp_path, target)
    failed = await opened.submit(warming(tmp_path, 0.5))
    assert (failed.state, failed.phase, failed.reason) == ("failed", "apply", "apply: RuntimeError: no apply")
    assert target.done == ["prepare", "apply"]


def test_an_evaluation_knows_its_machine(tmp_path: Path) -> None:
    evaluation = Evaluation(command=["echo", '{{"loss": 1}}'], isolation="process")

    async def host() -> str:
        executor = LocalExecutor(evaluation, tmp_path)
        job = Job(evaluation=evaluation, directory=tmp_path, candidate=Candidate({}), seed=1, required=("loss",))
        try:
            return (await executor.submit(job)).host
        finally:
            await executor.close()

    assert asyncio.run(host()) == this_host()
    assert this_host().startswith(f"{platform.node()}: ")
    assert f"{len(os.sched_getaffinity(0))} CPUs" in this_host()


def test_an_evaluation_knows_its_trial(tmp_path: Path) -> None:
    evaluation = Evaluation(command=["echo", '{{"loss": {trial}}}'], isolation="process")

    async def of(*trials: int) -> list[float]:
        executor = LocalExecutor(evaluation, tmp_path)
        try:
            jobs = [
                Job(
                    evaluation=evaluation,
                    directory=tmp_path,
                    candidate=Candidate({}),
                    seed=1,
                    required=("loss",),
                    trial=each,
                )
                for each in trials
            ]
            return [(await executor.submit(job)).metrics["loss"] for job in jobs]
        finally:
            await executor.close()

    assert asyncio.run(of(3, 12)) == [3, 12]
