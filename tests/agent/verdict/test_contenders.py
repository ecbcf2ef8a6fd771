"""A lucky incumbent on a border is replaced by the next best that keeps its promise."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest

from trimtab.agent.events import StudyFinished
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.agent.verdict.contenders import MOST, next_contender
from trimtab.agent.verdict.judgement import Pairs
from trimtab.tools.targets import Measurement

PROMISE: dict[str, Any] = {
    "parameters": {"batch": {"type": "int", "low": 1, "high": 64, "default": 64}},
    "forbidden": [],
    "objectives": [{"metric": "rate", "direction": "maximize"}],
    "constraints": [{"metric": "p99", "max": 500.0}],
    "evaluation": {"command": ["true", "{batch}"]},
    "check": {"ablation": False},
}


def tried(*results: tuple[int, float, str]) -> History:
    """Return a history of (batch, p99, state); the rate is the batch."""
    history = History(make_study(**PROMISE))
    for number, (batch, p99, state) in enumerate(results):
        source = DEFAULT if number == 0 else Source("sampler", "x")
        trial = Trial(number, source, Candidate({"batch": batch}), state, {"rate": float(batch), "p99": p99})  # type: ignore[arg-type]
        history.add(trial)
        history.update(trial)
    return history


def checked(p99: float) -> Pairs:
    def measured(value: float) -> list[Measurement]:
        return [Measurement(state="complete", metrics={"rate": 1.0, "p99": value})] * 6

    return Pairs(measured(960.0), measured(p99))


def test_the_next_best_that_keeps_the_bound_after_the_same_shift_is_checked() -> None:
    history = tried((64, 960, "infeasible"), (33, 494, "complete"), (32, 491, "complete"), (30, 480, "complete"))
    lucky = history.trials[1]
    found = next_contender(history.study, history, [lucky], checked(510.0))  # 16 more than in the search
    assert found is history.trials[3]
    nearer = next_contender(history.study, history, [lucky], checked(502.0))
    assert nearer is history.trials[2]


def test_nobody_is_checked_beyond_the_limit_or_twice_or_in_place_of_a_better_default() -> None:
    history = tried((20, 300, "complete"), (33, 494, "complete"), (15, 200, "complete"), (14, 190, "complete"))
    assert next_contender(history.study, history, [history.trials[1]], checked(510.0)) is None
    worse_default = tried((10, 150, "complete"), (33, 494, "complete"), (15, 200, "complete"))
    first, second = worse_default.trials[1:]
    assert next_contender(worse_default.study, worse_default, [first], checked(510.0)) is second
    assert next_contender(worse_default.study, worse_default, [first, second], checked(510.0)) is None
    assert next_contender(worse_default.study, worse_default, [second, second, first][:MOST], checked(510.0)) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_noisy_border_ends_with_a_configuration_that_keeps_the_promise(store: Store, seed: int) -> None:
    rng = random.Random(seed)

    def server(configuration: Mapping[str, Any], _seed: int) -> dict[str, float]:
        batch = configuration["batch"]
        return {"rate": float(batch), "p99": 15.0 * batch * rng.uniform(0.97, 1.03)}

    study = make_study(
        **PROMISE, budget={"trials": 40}, sampler={"name": "random", "seed": seed}, planner={"name": "none"}
    )

    async def collect() -> StudyFinished:
        stream = Session.start(study, store).run(FunctionExecutor(server))
        found = [event async for event in stream]
        assert isinstance(found[-1], StudyFinished)
        return found[-1]

    report = asyncio.run(collect())
    assert report.check is not None and report.best is not None
    assert report.check.improved, report.check.verdict
    assert 15.0 * report.best.configuration["batch"] <= 500 * 1.01
