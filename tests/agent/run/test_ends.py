"""However a run ends, everything that it opened is closed, and the study can be resumed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.executors.base import Job
from trimtab.agent.memory.store import Store
from trimtab.agent.optimizers import mirror
from trimtab.agent.run import session as loop
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import Source
from trimtab.tools.ending import Ending, EndingError
from trimtab.tools.errors import InputError, TrimtabError
from trimtab.tools.targets import Measurement, Watch


async def breaks(how: str, what: str) -> None:
    match how:
        case "raises":
            raise RuntimeError(f"{what} is broken")
        case "hangs":
            await asyncio.sleep(3600)
        case "takes its time":
            for _ in range(50):
                await asyncio.sleep(0.001)


class Brittle(FunctionExecutor):
    """An executor that counts what runs, and closes as it is told."""

    def __init__(self, closing: str = "", delay_s: float = 0.0) -> None:
        super().__init__(lambda c, _s: {"loss": 1 + abs(float(str(c["x"])))}, workers=2, delay_s=delay_s)
        self.closing, self.closed, self.under_way = closing, False, 0

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        self.under_way += 1
        try:
            return await super().submit(job, watch)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        assert self.under_way == 0, "restored while an evaluation was running"
        await breaks(self.closing, "the executor")
        self.closed = True


class Thinker:
    """A planner that has one idea, then thinks for ever, and closes as it is told."""

    name, why, done = "thinker", "a test", False

    def __init__(self, closing: str = "") -> None:
        self.closing, self.closed, self.thinking = closing, False, 0
        self.ideas = [Proposal({"x": 0.1}, Source("planner"), "an idea")]

    async def propose(self, _context: Any, _n: int) -> list[Proposal]:
        if self.ideas:
            return [self.ideas.pop()]
        self.thinking += 1
        try:
            await asyncio.sleep(3600)
        finally:
            self.thinking -= 1
        return []

    async def close(self) -> None:
        assert self.thinking == 0, "closed while it was thinking"
        await breaks(self.closing, "the planner")
        self.closed = True


async def collect(session: Session, executor: FunctionExecutor) -> list[events.Event]:
    async with asyncio.timeout(60), contextlib.aclosing(session.run(executor)) as stream:
        return [event async for event in stream]


def resumable(study: Study, store: Store) -> bool:
    stored = store.studies()[0]
    if stored.state not in {"interrupted", "finished"}:
        return False
    asyncio.run(collect(Session.resume(study, store), FunctionExecutor(lambda _c, _s: {"loss": 1.0})))
    return store.studies()[0].state == "finished"


@pytest.mark.parametrize(
    ("planner", "executor"),
    [
        ("", ""),
        ("takes its time", "takes its time"),
        ("raises", ""),
        ("", "raises"),
        ("raises", "raises"),
        ("hangs", "takes its time"),
        ("raises", "hangs"),
        ("hangs", "hangs"),
    ],
)
def test_whatever_does_not_close_the_rest_is_closed_and_the_first_error_told(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch, planner: str, executor: str
) -> None:
    if "hangs" in {planner, executor}:
        monkeypatch.setattr(loop, "CLOSE_S", 1.0)
    thinker, brittle = Thinker(planner), Brittle(executor)
    with pytest.raises(EndingError) if {planner, executor} & {"raises", "hangs"} else contextlib.nullcontext() as told:
        asyncio.run(collect(Session.start(study, store, thinker), brittle))
    assert thinker.closed == (planner in {"", "takes its time"})
    assert brittle.closed == (executor in {"", "takes its time"})
    assert store.studies()[0].state == "finished"
    assert store.studies()[0].result is not None
    if told is not None:
        broken = {"closing the executor": executor, "closing the planner": planner}
        expected = [what for what, how in broken.items() if how in {"raises", "hangs"}]
        said = [str(told.value), *getattr(told.value, "__notes__", [])]
        assert [each.partition(":")[0] for each in said] == expected
        assert ("is broken" in said[0]) == (broken[expected[0]] == "raises")


@pytest.mark.parametrize(("closing", "times"), [("", 1), ("", 2), ("takes its time", 5), ("raises", 3), ("hangs", 3)])
def test_a_run_that_is_cancelled_again_and_again_closes_everything(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch, times: int, closing: str
) -> None:
    if closing == "hangs":
        monkeypatch.setattr(loop, "CLOSE_S", 1.0)
    thinker, brittle = Thinker(closing), Brittle(closing, delay_s=0.01)

    async def interrupt() -> BaseException:
        task = asyncio.ensure_future(collect(Session.start(study, store, thinker), brittle))
        while len(brittle.jobs) < 4:
            await asyncio.sleep(0.001)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.005)
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    raised = asyncio.run(interrupt())
    fine = closing in {"", "takes its time"}
    assert (thinker.closed, brittle.closed) == (fine, fine)
    assert len(getattr(raised, "__notes__", [])) == (0 if fine else 2)
    assert resumable(study, store)


def test_an_evaluation_that_raises_is_told_first_and_everything_is_closed(study: Study, store: Store) -> None:
    def broken(_configuration: Mapping[str, object], _seed: int) -> dict[str, float]:
        raise TrimtabError("the disk is full")

    thinker, brittle = Thinker("raises"), Brittle()
    brittle.function = broken
    with pytest.raises(TrimtabError, match="the disk is full") as told:
        asyncio.run(collect(Session.start(study, store, thinker), brittle))
    assert told.value.__notes__ == ["closing the planner: RuntimeError: the planner is broken"]
    assert brittle.closed
    assert resumable(study, store)


def test_a_reader_that_stops_reading_closes_everything(study: Study, store: Store) -> None:
    thinker, brittle = Thinker(), Brittle("raises")

    async def read_a_little() -> None:
        async with contextlib.aclosing(Session.start(study, store, thinker).run(brittle)) as stream:
            async for event in stream:
                if isinstance(event, events.TrialFinished):
                    return

    with pytest.raises(EndingError, match="closing the executor"):
        asyncio.run(read_a_little())
    assert thinker.closed
    assert resumable(study, store)


def test_an_executor_that_cannot_be_built_leaves_a_study_to_resume(store: Store) -> None:
    study = make_study(evaluation={"workers": 256, "pin_cpus": True})

    async def begin() -> None:
        async for _event in Session.start(study, store).run():
            pass

    with pytest.raises(InputError, match="pin_cpus"):
        asyncio.run(begin())
    assert store.studies()[0].state == "interrupted"


def test_a_session_that_cannot_be_built_gives_its_study_up(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(collect(Session.start(study, store), FunctionExecutor(lambda _c, _s: {"loss": 1.0})))

    def missing(*_arguments: object, **_fields: object) -> None:
        raise InputError("torch is not installed")

    monkeypatch.setattr(mirror.Optimizer, "__init__", missing)
    for open_session, state in ((Session.start, "interrupted"), (Session.resume, "interrupted")):
        with pytest.raises(InputError, match="torch"):
            open_session(study, store)
        assert store.studies()[0].state == state


def test_a_planner_that_does_not_stop_thinking_does_not_hold_up_the_check(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CLOSE_S", 0.5)

    class Stubborn(Thinker):
        async def propose(self, _context: Any, _n: int) -> list[Proposal]:
            if self.ideas:
                return [self.ideas.pop()]
            while not any(isinstance(each, events.PlannerProblem) for each in found):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
            return []

    async def run() -> None:
        async with (
            asyncio.timeout(60),
            contextlib.aclosing(Session.start(study, store, Stubborn()).run(Brittle())) as s,
        ):
            async for event in s:
                found.append(event)  # noqa: PERF401  # the planner looks at it meanwhile

    found: list[events.Event] = []
    asyncio.run(run())
    assert isinstance(found[-1], events.StudyFinished)
    assert "thoughts: not done" in next(e.message for e in found if isinstance(e, events.PlannerProblem))


async def test_steps_run_last_first_and_a_second_cancellation_waits_for_them() -> None:
    done: list[str] = []

    def step(name: str, seconds: float) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await asyncio.sleep(seconds)
            done.append(name)

        return run

    async def body() -> None:
        async with Ending() as ending:
            ending.then("one", step("one", 0.02), 5)
            ending.then("two", step("two", 0.02), 5)
            await asyncio.sleep(3600)

    task = asyncio.ensure_future(body())
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.001)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["two", "one"]
