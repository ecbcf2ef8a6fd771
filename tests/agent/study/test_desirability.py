import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.desirability import between, larger, overall, smaller
from trimtab.agent.study.file import StudyFileError
from trimtab.agent.testing import FunctionExecutor, make_study

values = st.floats(-100, 100)
shapes = st.floats(0.2, 5)


@given(values, values, shapes)
def test_desirability_stays_in_bounds_and_is_monotone(a: float, b: float, shape: float) -> None:
    low, high = sorted((larger(a, -10, 10, shape), larger(b, -10, 10, shape)), key=lambda x: x)
    assert 0 <= low <= high <= 1
    assert (larger(max(a, b), -10, 10, shape) >= larger(min(a, b), -10, 10, shape)) is True
    assert smaller(a, -10, 10, shape) == pytest.approx(larger(-a, -10, 10, shape))


def test_the_four_kinds_at_known_points() -> None:
    assert larger(5, 0, 10, 1) == 0.5
    assert larger(5, 0, 10, 2) == 0.25
    assert smaller(2.5, 0, 10, 1) == 0.75
    assert between(20, 10, (20, 20), 40, 1) == 1
    assert between(30, 10, (20, 20), 40, 1) == 0.5
    assert between(25, 10, (20, 30), 40, 1) == 1
    assert between(41, 10, (20, 30), 40, 1) == 0


def test_the_mean_is_geometric_weighted_and_zero_with_one_useless_metric() -> None:
    assert overall([0.25, 1.0], [1, 1]) == pytest.approx(0.5)
    assert overall([0.25, 1.0], [1, 3]) == pytest.approx(0.25**0.25)
    assert overall([0.0, 1.0], [1, 100]) == 0


OBJECTIVES: list[dict[str, Any]] = [
    {"metric": "speed", "direction": "maximize", "desirability": {"low": 0, "high": 1, "weight": 2}},
    {"metric": "size", "inside": [4, 16], "desirability": {"low": 0, "high": 64}},
]


def test_a_study_with_desirabilities_has_one_score_and_samplers_of_one_objective(store: Store) -> None:
    study = make_study(objectives=OBJECTIVES, sampler={"name": "kriging"}, budget={"trials": 25})

    async def collect() -> Session:
        session = Session.start(study, store)
        executor = FunctionExecutor(lambda c, _s: {"speed": 1 - abs(float(c["x"])), "size": float(c["n"])})
        _ = [event async for event in session.run(executor)]
        return session

    best = asyncio.run(collect()).record.history.incumbent
    assert best is not None
    assert study.goals == 1
    assert study.losses(best.metrics)[0] < 0.25
    assert 2 <= best.metrics["size"] <= 30


def test_mistakes_are_named() -> None:
    with pytest.raises(StudyFileError, match="all objectives need one, or none"):
        make_study(objectives=[OBJECTIVES[0], {"metric": "size", "direction": "minimize"}])
    with pytest.raises(StudyFileError, match="low < 4 and high > 16"):
        make_study(objectives=[{**OBJECTIVES[1], "desirability": {"low": 5, "high": 64}}])
