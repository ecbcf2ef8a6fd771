import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Context
from trimtab.agent.run.session import BudgetSpentError, Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import Source
from trimtab.tools.errors import InputError, TrimtabError


def loss(configuration: Mapping[str, object], seed: int) -> dict[str, float]:
    """A cheap system: best at x = 0 in fast mode; the seed adds a little noise."""
    fast = 0.5 if configuration["mode"] == "fast" else 1.0
    return {"loss": fast * (1 + abs(float(str(configuration["x"])))) + 0.001 * (seed % 7)}


async def collect(session: Session, executor: FunctionExecutor) -> list[events.Event]:
    return [event async for event in session.run(executor)]


def run(study: Study, store: Store, executor: FunctionExecutor | None = None, **kwargs) -> list[events.Event]:
    return asyncio.run(collect(Session.start(study, store, **kwargs), executor or FunctionExecutor(loss)))


def finished(found: list[events.Event]) -> events.StudyFinished:
    assert isinstance(found[-1], events.StudyFinished)
    return found[-1]


def test_a_run_starts_with_the_default_and_ends_with_a_checked_result(study: Study, store: Store) -> None:
    found = run(study, store)
    assert isinstance(found[0], events.StudyStarted)
    trials = [event for event in found if isinstance(event, events.TrialFinished)]
    assert [event.trial for event in trials] == list(range(10))
    assert trials[0].source == "default"
    assert trials[0].configuration == study.space.default
    report = finished(found)
    assert report.trials == 10
    assert report.best is not None
    assert report.check is not None
    assert report.check.improved
    assert report.check.ratio is not None
    assert report.check.pairs == 10
    assert report.ablation
    assert report.best.metrics["loss"] == min(event.metrics["loss"] for event in trials)


def test_the_check_runs_on_seeds_of_its_own_in_alternating_order(study: Study, store: Store) -> None:
    executor = FunctionExecutor(loss)
    report = finished(run(study, store, executor))
    assert report.best is not None
    checked = [job for job in executor.jobs if job.seed in study.evaluation.check_seeds][:20]
    assert [job.seed for job in checked] == [seed for seed in study.evaluation.check_seeds for _ in range(2)]
    first = [job.candidate.configuration == study.space.default for job in checked[::2]]
    assert first == [True, False] * 5


def test_no_improvement_is_claimed_when_there_is_none(store: Store, tmp_path: Path) -> None:
    def only_noise(configuration: Mapping[str, object], seed: int) -> dict[str, float]:
        return {"loss": 1 + 0.1 * ((hash((str(configuration), seed))) % 1000) / 1000}

    study = make_study(tmp_path, budget={"trials": 30})
    check = finished(run(study, store, FunctionExecutor(only_noise))).check
    assert check is not None
    if not check.improved:
        assert "no reliable improvement" in check.verdict
    assert check.low is not None
    assert check.improved == (check.low > 1)


def test_when_nothing_beats_the_default_nothing_is_checked(store: Store, tmp_path: Path) -> None:
    executor = FunctionExecutor(lambda c, _s: {"loss": 0.0 if c["x"] == 0.5 else 1.0})
    study = make_study(tmp_path)
    check = finished(run(study, store, executor)).check
    assert check is not None
    assert (check.improved, check.pairs, check.ratio) == (False, 0, 1.0)


def test_failures_cost_a_trial_and_are_reported(store: Store, tmp_path: Path) -> None:
    def fragile(configuration: Mapping[str, object], seed: int) -> dict[str, float]:
        if float(str(configuration["x"])) < 0:
            raise ValueError("negative x")
        return loss(configuration, seed)

    found = run(make_study(tmp_path, budget={"trials": 20}), store, FunctionExecutor(fragile))
    failed = [e for e in found if isinstance(e, events.TrialFinished) and e.state == "failed"]
    assert failed
    assert {event.reason for event in failed} == {"negative x"}
    report = finished(found)
    assert report.counts["state failed"] == len(failed)
    assert report.trials == 20


def test_a_study_whose_every_trial_fails_has_no_best(study: Study, store: Store) -> None:
    def broken(_configuration: Mapping[str, object], _seed: int) -> dict[str, float]:
        raise ValueError("no")

    report = finished(run(study, store, FunctionExecutor(broken)))
    assert report.best is None
    assert report.check is None
    assert report.default is not None
    assert report.default.state == "failed"


def test_trials_that_break_a_constraint_are_infeasible_and_never_incumbent(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, constraints=[{"metric": "size", "max": 10}], budget={"trials": 25})
    executor = FunctionExecutor(lambda c, s: {**loss(c, s), "size": float(str(c["n"]))})
    found = run(study, store, executor)
    states = {e.state for e in found if isinstance(e, events.TrialFinished)}
    assert states == {"complete", "infeasible"}
    best = finished(found).best
    assert best is not None
    assert best.metrics["size"] <= 10


def test_repeats_are_medians_over_the_tuning_seeds(store: Store, tmp_path: Path) -> None:
    study = make_study(
        tmp_path, evaluation={"repeats": 3, "warmup": 1, "tuning_seeds": [1, 2, 50]}, budget={"trials": 1}
    )
    executor = FunctionExecutor(lambda _c, seed: {"loss": float(seed)})
    found = run(study, store, executor)
    assert [job.seed for job in executor.jobs] == [1, 1, 2, 50]
    trial = next(e for e in found if isinstance(e, events.TrialFinished))
    assert trial.metrics == {"loss": 2.0}


def test_several_objectives_give_a_front_and_a_check_for_each(store: Store, tmp_path: Path) -> None:
    objectives = [{"metric": "loss", "direction": "minimize"}, {"metric": "speed", "direction": "maximize"}]
    study = make_study(tmp_path, objectives=objectives, sampler={"name": "tpe"}, budget={"trials": 20})
    executor = FunctionExecutor(lambda c, s: {**loss(c, s), "speed": float(str(c["n"]))})
    report = finished(run(study, store, executor))
    assert report.best is not None
    assert report.best.trial in [each.trial for each in report.front]
    assert [check.metric for check in report.checks] == ["loss", "speed"]


def test_a_target_value_is_approached(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, objectives=[{"metric": "loss", "target": 0.75}], budget={"trials": 30})
    report = finished(run(study, store))
    assert report.best is not None
    assert abs(report.best.metrics["loss"] - 0.75) < 0.2


def test_a_finite_space_ends_the_search_when_all_was_tried(store: Store, tmp_path: Path) -> None:
    study = make_study(
        tmp_path,
        parameters={"on": {"type": "bool", "default": False}, "k": {"type": "int", "low": 1, "high": 2, "default": 1}},
        forbidden=[],
        evaluation={"command": "true {on} {k}"},
        sampler={"name": "tpe"},
    )
    report = finished(run(study, store, FunctionExecutor(lambda c, _s: {"loss": float(str(c["k"]))})))
    assert report.trials == 4
    assert "every configuration" in report.stopped_by


def test_wall_time_ends_the_search(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, budget={"trials": 10_000, "wall_time_s": 0.3}, check={"ablation": False})
    report = finished(run(study, store, FunctionExecutor(loss, delay_s=0.01)))
    assert 2 < report.trials < 60
    assert "0.3 s" in report.stopped_by


def test_a_default_that_always_fails_is_beaten_by_what_works(store: Store, tmp_path: Path) -> None:
    def fragile(configuration: Mapping[str, object], seed: int) -> dict[str, float]:
        if configuration["x"] == 0.5:
            raise ValueError("the default does not even start")
        return loss(configuration, seed)

    check = finished(run(make_study(tmp_path), store, FunctionExecutor(fragile))).check
    assert check is not None
    assert check.improved
    assert check.ratio is None
    assert "the default failed on 10 of 10 check seeds" in check.verdict


class Ideas:
    """A planner with given ideas, one list a call."""

    name, why = "ideas", "a test"

    def __init__(self, *calls: list[dict], delay_s: float = 0.0, fails: bool = False) -> None:
        self.calls, self.delay_s, self.fails = list(calls), delay_s, fails
        self.done = False

    async def close(self) -> None:
        self.done = True

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        del context, n
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise RuntimeError("no idea")
        self.done = len(self.calls) <= 1
        return [Proposal(values, Source("planner"), "an idea") for values in (self.calls.pop(0) if self.calls else [])]


def test_planner_proposals_are_repaired_or_refused_before_they_run(study: Study, store: Store) -> None:
    ideas = [{"x": "0.1", "n": 8, "mode": "FAST"}, dict(study.space.default), {"zzz": 1}, {"x": 0.2}]
    found = run(study, store, planner=Ideas(ideas))
    planned = [e for e in found if isinstance(e, events.TrialStarted) and e.source == "planner"]
    assert [e.configuration["x"] for e in planned] == [0.1, 0.2]
    assert {change["parameter"] for change in planned[0].changes} >= {"x", "mode", "burst"}
    refused = [e.code for e in found if isinstance(e, events.PlannerProblem)]
    assert refused == ["duplicate", "unknown_parameters"]
    assert finished(found).problems == {"duplicate": 1, "unknown_parameters": 1}


def test_a_slow_planner_never_idles_a_worker_and_its_ideas_are_used_when_they_come(
    store: Store, tmp_path: Path
) -> None:
    study = make_study(tmp_path, budget={"trials": 12})
    executor = FunctionExecutor(loss, workers=2, delay_s=0.02)
    found = run(study, store, executor, planner=Ideas([{"x": 0.05}], delay_s=0.05))
    sources = [e.source for e in found if isinstance(e, events.TrialStarted)]
    assert sources[:2] == ["default", "random"]
    assert sources.count("planner") == 1


def test_a_run_waits_for_the_opening_unless_it_is_stopped(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, budget={"trials": 3})
    found = run(study, store, FunctionExecutor(loss), planner=Ideas([{"x": 0.05}], delay_s=0.3))
    assert [e.source for e in found if isinstance(e, events.TrialStarted)] == ["default", "planner", "random"]

    async def stop_while_it_waits() -> list[events.Event]:
        session, seen = Session.start(study, store, Ideas([{"x": 0.05}], delay_s=60)), []
        asyncio.get_running_loop().call_later(0.3, session.stop)
        async with asyncio.timeout(10):
            seen += [event async for event in session.run(FunctionExecutor(loss))]
        return seen

    assert isinstance(asyncio.run(stop_while_it_waits())[-1], events.StudyInterrupted)


def test_what_a_thought_took_is_said(store: Store, tmp_path: Path) -> None:
    found = run(make_study(tmp_path), store, planner=Ideas([{"x": 0.05}, {"x": 0.06}], delay_s=0.2))
    asked = [event for event in found if isinstance(event, events.PlannerAsked)]
    answered = [event for event in found if isinstance(event, events.PlannerAnswered)]
    assert (asked[0].thought, asked[0].kind) == (0, "opening")
    assert (answered[0].thought, answered[0].proposals) == (0, 2)
    assert answered[0].latency_s >= 0.2
    assert finished(found).waited_s >= 0.2


def test_a_setting_that_is_no_longer_used_is_read_and_said_so(store: Store, tmp_path: Path) -> None:
    found = run(make_study(tmp_path, gate={"patience": 3}), store)
    notices = [event for event in found if isinstance(event, events.Notice)]
    assert [each.kind for each in notices] == ["setting"]
    assert "gate.patience is no longer used" in notices[0].message


def test_a_planner_that_fails_does_not_stop_the_study(study: Study, store: Store) -> None:
    found = run(study, store, planner=Ideas(fails=True))
    assert finished(found).trials == 10
    assert finished(found).problems["crashed"] > 0


def test_stopping_keeps_what_was_measured_and_resuming_finishes(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, evaluation={"workers": 2})

    async def stop_after(session: Session, count: int) -> list[events.Event]:
        found = []
        async for event in session.run(FunctionExecutor(loss, workers=2, delay_s=0.01)):
            found.append(event)
            if sum(isinstance(each, events.TrialFinished) for each in found) == count:
                session.stop()
        return found

    found = asyncio.run(stop_after(Session.start(study, store), 4))
    assert isinstance(found[-1], events.StudyInterrupted)
    done = len([e for e in found if isinstance(e, events.TrialFinished)])
    assert store.studies()[0].state == "interrupted"
    again = asyncio.run(collect(Session.resume(study, store), FunctionExecutor(loss, workers=2)))
    numbers = [e.trial for e in again if isinstance(e, events.TrialFinished)]
    assert len(numbers) == 10 - done
    assert finished(again).trials == 10
    assert store.studies()[0].state == "finished"


def test_cancelling_repeats_only_what_was_running(store: Store, tmp_path: Path) -> None:
    study = make_study(tmp_path, evaluation={"repeats": 3})
    executor = FunctionExecutor(loss, delay_s=0.02)

    async def cancel_soon() -> None:
        task = asyncio.create_task(collect(Session.start(study, store), executor))
        while len(executor.jobs) < 6:  # the second trial's last evaluation is running
            await asyncio.sleep(0.001)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancel_soon())
    again = FunctionExecutor(loss)
    asyncio.run(collect(Session.resume(study, store), again))
    searched = [job for job in again.jobs if job.seed in study.evaluation.tuning_seeds]
    assert len(searched) == 1 + 8 * 3
    evaluations = store.evaluations(store.studies()[0].id, "tune")
    assert sorted((e.trial, e.position) for e in evaluations) == [(t, p) for t in range(10) for p in range(3)]


def test_a_finished_study_can_be_resumed_with_a_larger_budget(store: Store, tmp_path: Path) -> None:
    run(make_study(tmp_path), store)
    larger = make_study(tmp_path, budget={"trials": 14})
    found = asyncio.run(collect(Session.resume(larger, store), FunctionExecutor(loss)))
    assert finished(found).trials == 14


def test_resume_refuses_a_study_that_measures_something_else(study: Study, store: Store, tmp_path: Path) -> None:
    run(study, store)
    other = make_study(
        tmp_path, evaluation={"timeout_s": 1.0}, objectives=[{"metric": "other", "direction": "maximize"}]
    )
    with pytest.raises(InputError, match=r"objectives, evaluation\.timeout_s"):
        Session.resume(other, store)
    with pytest.raises(InputError, match="no study named"):
        Session.resume(make_study(tmp_path, study={"name": "unknown"}), store)


def test_ask_and_tell_let_a_caller_evaluate(study: Study, store: Store) -> None:
    session = Session.start(study, store)
    first = session.ask()
    assert first.source.kind == "default"
    session.tell(first.number, {"loss": 1.0})
    second = session.ask()
    session.tell(second.number, failed="it crashed")
    third = session.ask()
    with pytest.raises(TrimtabError, match="no metric 'loss'"):
        session.tell(third.number, {"los": 1.0})
    with pytest.raises(TrimtabError, match="not finite"):
        session.tell(third.number, {"loss": float("nan")})
    session.tell(third.number, {"loss": 0.5})
    with pytest.raises(TrimtabError, match="not running"):
        session.tell(third.number, {"loss": 0.5})
    for _ in range(7):
        session.tell(session.ask().number, {"loss": 2.0})
    with pytest.raises(BudgetSpentError):
        session.ask()
    session.close()
    assert store.studies()[0].state == "finished"
    stored = store.trials(store.studies()[0].id)
    assert [trial.state for trial in stored[:3]] == ["complete", "failed", "complete"]


def test_similar_studies_are_recalled_by_the_offline_planner(store: Store, tmp_path: Path) -> None:
    first = make_study(tmp_path, budget={"trials": 25}, planner={"name": "offline"})
    best = finished(run(first, store)).best
    second = make_study(tmp_path, study={"name": "next"}, budget={"trials": 3}, planner={"name": "offline"})
    found = run(second, store)
    started = [e for e in found if isinstance(e, events.TrialStarted)]
    assert best is not None
    assert (started[1].source, started[1].configuration) == ("planner", best.configuration)
    assert "small-1" in started[1].rationale
