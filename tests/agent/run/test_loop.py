"""The loop hands on what happens when it happens, whoever else is waited for, and counts only its own time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.run import clock
from trimtab.agent.run.proposals.ruling import Ruling, Use
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.proposal import Accepted, Proposal, review
from trimtab.agent.trials.source import PERSON, Source
from trimtab.tools.targets import Measurement, Watch


def loss(configuration: Mapping[str, object], _seed: int) -> dict[str, float]:
    return {"loss": 1 + abs(float(str(configuration["x"])))}


class Gated(FunctionExecutor):
    """An executor with two workers whose evaluations end when they are let through."""

    def __init__(self) -> None:
        super().__init__(loss, workers=2)
        self.gate = asyncio.Event()

    async def submit(self, job: Any, watch: Watch | None = None) -> Measurement:
        await self.gate.wait()
        return await super().submit(job, watch)


async def watched(
    session: Session, executor: FunctionExecutor, react: Callable[[events.Event], None]
) -> list[events.Event]:
    """Run a session to its end, and react to each event as it comes; a run that waits for ever fails."""
    found = []
    async with asyncio.timeout(60):
        async for event in session.run(executor):
            found.append(event)
            react(event)
    return found


def waiting_from(session: Session, trial: int) -> asyncio.Event:
    """Let the session wait for its planner from the n-th trial on, until the event that is returned is set."""
    released, settle = asyncio.Event(), session.proposing.settle

    async def wait() -> None:
        if len(session.record.history.trials) >= trial:
            await released.wait()
        await settle()

    session.proposing.settle = wait  # type: ignore[method-assign]
    return released


async def test_what_a_worker_does_is_told_while_another_waits_for_the_planner(study: Study, store: Store) -> None:
    session, executor = Session.start(study, store), Gated()
    released = waiting_from(session, 1)
    seen: list[events.Event] = []

    def react(event: events.Event) -> None:
        seen.append(event)
        if isinstance(event, events.TrialStarted):
            executor.gate.set()  # the second worker waits for the planner by now, or soon
        if isinstance(event, events.TrialFinished) and event.trial == 0:
            assert not released.is_set()
            released.set()

    found = await watched(session, executor, react)
    assert isinstance(found[-1], events.StudyFinished)
    assert found[-1].trials == 10


async def test_a_run_that_waits_for_the_planner_stops_at_once(study: Study, store: Store) -> None:
    session = Session.start(study, store)
    waiting_from(session, 2)

    def react(event: events.Event) -> None:
        if isinstance(event, events.TrialFinished) and event.trial == 1:
            asyncio.get_running_loop().call_later(0.05, session.stop)

    found = await watched(session, FunctionExecutor(loss), react)
    assert isinstance(found[-1], events.StudyInterrupted)
    assert store.studies()[0].state == "interrupted"


async def test_what_a_person_asks_for_runs_while_the_planner_is_waited_for(study: Study, store: Store) -> None:
    session = Session.start(study, store)
    released = waiting_from(session, 2)

    def ask() -> None:
        wished = review(Proposal({**study.space.default, "x": 0.25}, PERSON, "a hunch"), study.space, {})
        assert isinstance(wished, Accepted)
        session.proposing.want(wished)
        session.unpause()

    def react(event: events.Event) -> None:
        if isinstance(event, events.TrialFinished) and event.trial == 1:
            asyncio.get_running_loop().call_later(0.05, ask)
        if isinstance(event, events.TrialFinished) and event.source == "person":
            released.set()

    found = await watched(session, FunctionExecutor(loss), react)
    third = next(e for e in found if isinstance(e, events.TrialStarted) and e.trial == 2)
    assert (third.source, third.configuration["x"]) == ("person", 0.25)
    assert isinstance(found[-1], events.StudyFinished)


async def test_a_paused_run_starts_nothing_even_when_the_planner_answers(study: Study, store: Store) -> None:
    session = Session.start(study, store)
    released = waiting_from(session, 2)
    started: list[int] = []

    def go_on() -> None:
        assert started == [0, 1]
        session.unpause()

    def react(event: events.Event) -> None:
        if isinstance(event, events.TrialStarted):
            started.append(event.trial)
        if isinstance(event, events.TrialFinished) and event.trial == 1:
            session.pause()
            released.set()
            asyncio.get_running_loop().call_later(0.1, go_on)

    found = await watched(session, FunctionExecutor(loss), react)
    assert isinstance(found[-1], events.StudyFinished)
    assert started == list(range(10))


async def test_an_error_of_the_planner_s_say_ends_the_run_and_is_told(study: Study, store: Store) -> None:
    session = Session.start(study, store)

    async def broken() -> None:
        raise RuntimeError("a recording is broken")

    session.proposing.settle = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="a recording is broken"):
        await watched(session, FunctionExecutor(loss), lambda _event: None)
    assert store.studies()[0].state == "interrupted"


class Hours:
    """A clock that goes on when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(monkeypatch)


def test_a_clock_counts_what_it_runs(hours: Hours) -> None:
    counted = clock.Clock(5)
    hours.now = 2
    assert counted.seconds == 7
    counted.run(False)
    hours.now = 100
    assert counted.seconds == 7
    counted.run(False)
    counted.run(True)
    hours.now = 103
    counted.run(True)
    assert counted.seconds == 10


@pytest.mark.parametrize(("paused", "trials"), [(True, 10), (False, 3)])
async def test_a_pause_is_no_time_of_the_search(store: Store, hours: Hours, paused: bool, trials: int) -> None:
    session = Session.start(make_study(budget={"wall_time_s": 500}), store)

    def later() -> None:
        hours.now += 1000
        session.unpause()

    def react(event: events.Event) -> None:
        if isinstance(event, events.TrialFinished) and event.trial == 2:
            if paused:
                session.pause()
                asyncio.get_running_loop().call_later(0.05, later)
            else:
                hours.now += 1000

    found = await watched(session, FunctionExecutor(loss), react)
    assert len([e for e in found if isinstance(e, events.TrialFinished)]) == trials
    assert (store.studies()[0].search_s >= 1000) is False


async def test_an_evaluation_that_goes_on_through_a_pause_is_time_of_the_search(store: Store, hours: Hours) -> None:
    session, executor = Session.start(make_study(budget={"wall_time_s": 500}), store), Gated()

    def later() -> None:
        hours.now += 1000
        executor.gate.set()
        session.unpause()

    def react(event: events.Event) -> None:
        if isinstance(event, events.TrialStarted) and event.trial == 1:
            session.pause()
            asyncio.get_running_loop().call_later(0.05, later)

    found = await watched(session, executor, react)
    assert isinstance(found[-1], events.StudyFinished)
    assert "500 s" in found[-1].stopped_by
    assert found[-1].trials == 2


async def test_waiting_for_a_person_s_answer_is_no_time_of_the_search(store: Store, hours: Hours) -> None:
    class OneIdea:
        name, why, done = "one idea", "a test", False

        async def propose(self, _context: Any, _n: int) -> list[Proposal]:
            self.done = True
            return [Proposal({"x": 0.125}, Source("planner", "somebody"), "an idea")]

        async def close(self) -> None:
            """Nothing to let go of."""

    async def approve(_accepted: Accepted, _use: Use) -> Ruling:
        while len(session.record.history.finished) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)  # by now the last trial is kept for this answer
        hours.now += 1000
        return Ruling(True, "rule", "allow *")

    session = Session.start(make_study(budget={"trials": 3, "wall_time_s": 500}), store, OneIdea())
    session.proposing.approve = approve
    found = await watched(session, FunctionExecutor(loss), lambda _event: None)
    assert [e.source for e in found if isinstance(e, events.TrialStarted)][-1] == "planner"
    assert isinstance(found[-1], events.StudyFinished)
    assert "3 trials" in found[-1].stopped_by
    assert found[-1].budget["wall_time_s"]["spent"] < 500
