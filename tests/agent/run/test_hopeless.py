"""A run in which nothing works ends early, loses nothing, and goes on when somebody says so."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.run.hopeless import hopeless
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import State, Trial


def trial(number: int, reason: str | None, state: State = "failed") -> Trial:
    return Trial(number, DEFAULT, Candidate({"x": float(number)}), state=state, reason=reason)


def failing(*reasons: str) -> list[Trial]:
    return [trial(number, reason) for number, reason in enumerate(reasons)]


def test_trials_that_fail_alike_are_hopeless_after_the_next_few() -> None:
    assert hopeless(failing(*["no table t"] * 4), 0, 5) == ""
    found = hopeless(failing(*["no table t"] * 5), 0, 5)
    assert found == "the default and the next 4 trials failed alike: no table t"


def test_numbers_addresses_and_working_folders_do_not_make_reasons_differ() -> None:
    reasons = ["pid 12 at 0xfe: /tmp/trimtab-1-ab/f, 1.5e-3 s", "pid 7 at 0xa0: /tmp/trimtab-22-xy/f, -20 s"]
    assert "alike" in hopeless(failing(*reasons), 0, 2)
    assert "alike" not in hopeless(failing("no table", "no column", "no table", "no column"), 0, 2)


def test_trials_that_fail_in_different_ways_get_twice_as_many() -> None:
    reasons = ["a", "b", "c", "d", "e", "f"]
    assert hopeless(failing(*reasons[:5]), 0, 3) == ""
    assert hopeless(failing(*reasons), 0, 3) == "the default and the next 5 trials failed, the last: f"


@pytest.mark.parametrize("state", ["complete", "infeasible", "pruned"])
def test_one_trial_that_works_is_hope(state: State) -> None:
    for place in (0, 3, 9):
        trials = failing(*["no"] * 10)
        trials[place] = trial(place, None, state)
        assert hopeless(trials, 0, 5) == ""


@given(st.integers(0, 20), st.integers(0, 20))
def test_it_is_told_again_only_after_as_many_again(failed: int, before: int) -> None:
    found = hopeless(failing(*["no"] * failed), min(before, failed), 5)
    assert bool(found) == (failed - min(before, failed) >= 5)
    assert hopeless(failing(*["no"] * failed), 0, 0) == ""


def broken(_configuration: Mapping[str, object], _seed: int) -> dict[str, float]:
    raise ValueError("no table t")


async def watched(
    session: Session, executor: FunctionExecutor, react: Callable[[events.Event], None] = lambda _event: None
) -> list[events.Event]:
    found = []
    async with asyncio.timeout(60):
        async for event in session.run(executor):
            found.append(event)
            react(event)
    return found


def said(found: list[events.Event]) -> list[str]:
    return [e.message for e in found if isinstance(e, events.Notice) and e.kind == "hopeless"]


def last(found: list[events.Event]) -> events.StudyFinished:
    assert isinstance(found[-1], events.StudyFinished)
    return found[-1]


@pytest.mark.parametrize(
    ("give_up", "trials", "workers"), [(5, 5, 1), (2, 2, 1), (True, 5, 1), (False, 20, 1), (0, 20, 1), (5, 7, 3)]
)
async def test_a_hopeless_run_gives_up_and_can_be_resumed(
    store: Store, give_up: int | bool, trials: int, workers: int
) -> None:
    study = make_study(budget={"trials": 20, "give_up": give_up})
    session = Session.start(study, store)
    found = await watched(session, FunctionExecutor(broken, workers=workers, delay_s=0.001))
    report = last(found)
    assert 5 <= report.trials <= trials if workers > 1 else report.trials == trials
    assert session.gave_up == (trials < 20)
    assert store.studies()[0].state == ("interrupted" if session.gave_up else "finished")
    if session.gave_up:
        assert report.stopped_by.startswith("budget.give_up: the default and the next")
        assert said(found)[0].endswith("failed alike: no table t")
        again = Session.resume(study, store)
        report = last(await watched(again, FunctionExecutor(lambda _c, _s: {"loss": 1.0})))
        assert report.trials == 20
        assert not again.gave_up


async def test_a_resumed_run_that_still_fails_gives_up_again_after_as_many(store: Store) -> None:
    study = make_study(budget={"trials": 20, "give_up": 3})
    await watched(Session.start(study, store), FunctionExecutor(broken))
    report = last(await watched(Session.resume(study, store), FunctionExecutor(broken)))
    assert report.trials == 6
    assert "after going on, 3 trials failed alike" in report.stopped_by


async def test_a_person_goes_on_and_is_told_again(store: Store) -> None:
    session = Session.start(make_study(budget={"trials": 20, "give_up": 3}), store)
    notices = 0

    def react(event: events.Event) -> None:
        nonlocal notices
        if isinstance(event, events.Notice) and event.kind == "hopeless":
            notices += 1
            if notices == 1:
                session.go_on()

    found = await watched(session, FunctionExecutor(broken), react)
    assert last(found).trials == 6
    assert len(said(found)) == 2


@pytest.mark.parametrize(("decides", "trials"), [("unpause", 10), ("stop", 3)])
async def test_a_run_that_is_paused_then_waits_for_the_decision(store: Store, decides: str, trials: int) -> None:
    session, works = Session.start(make_study(budget={"trials": 10, "give_up": 3}), store), False

    def measure(configuration: Mapping[str, object], seed: int) -> dict[str, float]:
        return {"loss": 1.0} if works else broken(configuration, seed)

    def mend() -> None:
        nonlocal works
        works = True
        getattr(session, decides)()

    def react(event: events.Event) -> None:
        if isinstance(event, events.Notice) and event.kind == "hopeless":
            session.pause()
            asyncio.get_running_loop().call_later(0.05, mend)

    found = await watched(session, FunctionExecutor(measure), react)
    assert len([e for e in found if isinstance(e, events.TrialFinished)]) == trials
    assert isinstance(found[-1], events.StudyFinished if decides == "unpause" else events.StudyInterrupted)


def test_a_budget_that_is_spent_is_no_giving_up(store: Store) -> None:
    session = Session.start(make_study(budget={"trials": 5}), store)
    report = last(asyncio.run(watched(session, FunctionExecutor(broken))))
    assert (report.stopped_by, session.gave_up) == ("budget of 5 trials", False)


def evaluations(executor: FunctionExecutor) -> int:
    return len(executor.jobs)


def good(configuration: Mapping[str, Any], seed: int) -> dict[str, float]:
    return {"loss": 1 + abs(configuration["x"]) + 0.001 * (seed % 7)}


async def test_resuming_what_is_finished_shows_the_stored_result_and_measures_nothing(store: Store) -> None:
    study = make_study()
    first = last(await watched(Session.start(study, store), FunctionExecutor(good)))
    assert first.check is not None
    executor = FunctionExecutor(good)
    found = await watched(Session.resume(study, store), executor)
    assert evaluations(executor) == 0
    assert [type(each) for each in found] == [events.StudyStarted, events.StudyFinished]
    assert last(found).model_copy(update={"time": first.time}) == first
    assert store.studies()[0].state == "finished"


async def test_resuming_with_another_check_measures_what_is_missing(store: Store) -> None:
    await watched(Session.start(make_study(check={"ablation": False}), store), FunctionExecutor(good))
    seeds = {"check_seeds": list(range(101, 113))}
    executor = FunctionExecutor(good)
    report = last(
        await watched(Session.resume(make_study(check={"ablation": False}, evaluation=seeds), store), executor)
    )
    assert [job.seed for job in executor.jobs] == [111, 111, 112, 112]
    assert report.check is not None
    assert report.check.pairs == 12
    executor = FunctionExecutor(good)
    report = last(await watched(Session.resume(make_study(evaluation=seeds), store), executor))
    assert report.ablation
    assert not {job.seed for job in executor.jobs} - set(seeds["check_seeds"][:5])


async def test_resuming_with_more_trials_concludes_anew(store: Store) -> None:
    await watched(Session.start(make_study(), store), FunctionExecutor(good))
    report = last(await watched(Session.resume(make_study(budget={"trials": 12}), store), FunctionExecutor(good)))
    assert report.trials == 12
    assert report.budget["trials"]["spent"] == 12
