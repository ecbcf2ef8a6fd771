import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.racing import Noise, beats, separation

measured = st.floats(0.1, 100).map(lambda value: round(value, 3))  # what differs, differs by more than rounding
losses = st.lists(measured, min_size=1, max_size=5)


@given(losses, losses, st.lists(measured, min_size=2, max_size=5), st.sampled_from([1.0, -1.0]))
def test_separation_is_antisymmetric_and_ignores_the_scale(
    ours: list[float], theirs: list[float], repeated: list[float], sign: float
) -> None:
    noise, scaled = Noise(), Noise()
    noise.add([sign * value for value in repeated])
    scaled.add([sign * 7 * value for value in repeated])
    one = separation([sign * v for v in ours], [sign * v for v in theirs], noise)
    other = separation([sign * v for v in theirs], [sign * v for v in ours], noise)
    large = separation([sign * 7 * v for v in ours], [sign * 7 * v for v in theirs], scaled)
    assert one is not None and other is not None and large is not None
    assert one == pytest.approx(-other, rel=1e-6, abs=1e-6)
    assert large == pytest.approx(one, rel=1e-4, abs=1e-4)


def test_equal_results_are_not_told_apart_by_the_rounding_of_their_mean() -> None:
    noiseless = Noise()
    noiseless.add([1.25, 1.25])
    assert separation([1.25], [1.25] * 3, noiseless) == 0.0
    assert not beats([1.25] * 3, [1.25], noiseless)
    assert beats([1.2], [1.25], noiseless)


def test_without_any_repeat_the_smaller_value_wins() -> None:
    assert beats([1.0], [1.1], Noise())
    assert not beats([1.1], [1.0], Noise())


def run(store: Store, sd: float, most: int | None, seed: int) -> tuple[Session, FunctionExecutor]:
    rng = random.Random(seed)

    def noisy(configuration: Mapping[str, Any], _seed: int) -> dict[str, float]:
        return {"loss": (1 + 0.3 * abs(configuration["x"])) * rng.lognormvariate(0, sd)}

    study = make_study(
        budget={"trials": 30}, evaluation={"max_repeats": most} if most else {}, check={"ablation": False}
    )
    executor = FunctionExecutor(noisy)

    async def collect() -> Session:
        session = Session.start(study, store)
        _ = [event async for event in session.run(executor)]
        return session

    return asyncio.run(collect()), executor


def test_a_quiet_target_is_measured_once_after_the_default(store: Store) -> None:
    session, _ = run(store, 0.0, 5, 0)
    assert [len(trial.values) for trial in session.record.history.trials] == [3, *[1] * 29]


def test_repeats_go_where_they_are_needed(store: Store) -> None:
    session, _ = run(store, 0.03, 6, 0)
    trials = session.record.history.trials
    noise = session.record.history.noise.relative
    assert noise is not None
    assert 0.015 < noise < 0.06
    counts = [len(trial.values) for trial in trials[1:]]
    assert 1 in counts  # clearly worse
    assert max(counts) >= 2  # close to the best
    assert sum(counts) < 6 * len(counts) / 2


def test_the_incumbent_of_a_race_is_truly_better_more_often_than_the_smallest_value(store: Store) -> None:
    truly = {}
    for most in (None, 6):
        found = [run(store, 0.1, most, seed)[0].record.history.incumbent for seed in range(12)]
        truly[most] = sum(abs(float(trial.configuration["x"])) for trial in found if trial is not None) / len(found)
    assert truly[6] < truly[None]


def test_a_race_survives_a_resume(store: Store) -> None:
    session, _ = run(store, 0.05, 5, 1)
    again = Session.resume(session.study, store)
    assert again.record.history.noise.relative == pytest.approx(session.record.history.noise.relative)
    assert again.record.history.incumbent is not None
    assert session.record.history.incumbent is not None
    assert again.record.history.incumbent.number == session.record.history.incumbent.number
