"""The race for the check: the lucky are found out, the steady preferred, and the check's seeds left alone."""

import asyncio
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from trimtab.agent.events import StudyFinished
from trimtab.agent.faces import words
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.agent.verdict.race import Race, measure_race, most_sides, race_seeds, runners
from trimtab.tools.targets import Measurement

SEEDS = list(range(101, 111))
Loss = Callable[[int, int], float | None]
"""The loss of (trial, seed), None where it fails."""


def study_of(**changed: Any) -> Study:
    return make_study(
        **{
            "parameters": {"x": {"type": "int", "low": 0, "high": 99, "default": 0}},
            "forbidden": [],
            "evaluation": {"command": ["true", "{x}"], "check_seeds": SEEDS},
            "sampler": {"name": "random"},
            "planner": {"name": "none"},
            **changed,
        }
    )


def trial(number: int, loss: float, state: Any = "complete") -> Trial:
    source = DEFAULT if number == 0 else Source("sampler", "x")
    return Trial(number, source, Candidate({"x": number}), state, {"loss": loss})


def history_of(study: Study, *losses: float) -> History:
    history = History(study)
    for number, loss in enumerate(losses):
        found = trial(number, loss)
        history.add(found)
        history.update(found)
    return history


def unknown(_configurations: Any) -> None:
    return None


def run(loss: Loss, count: int = 3, rounds: int = 6, study: Study | None = None) -> Race:
    study = study or study_of()

    async def measure(purpose: str, number: int, _position: int, seed: int, _candidate: Candidate) -> Measurement:
        assert purpose == "race"
        found = loss(number, seed)
        if found is None:
            return Measurement(state="failed", reason="no")
        return Measurement(state="complete", metrics={"loss": found, "memory": found})

    async def drive() -> Race:
        racing = [trial(number, 1.0) for number in range(1, count + 1)]
        told = [each async for each in measure_race(study, trial(0, 1.0), racing, rounds, measure)]
        done = [each[0] for each in told[:-1]]
        assert done == list(range(1, len(told)))
        assert all(each[1] >= each[0] for each in told)
        assert told[-1][:2] == (len(told) - 1, len(told) - 1)
        return told[-1][2]

    return asyncio.run(drive())


def test_the_best_measured_are_raced_and_a_posterior_decides_where_there_is_one() -> None:
    study = study_of()
    history = history_of(study, 10.0, 5.0, 7.0, 6.0, 12.0, 6.5)
    assert [each.number for each in runners(study, history, unknown)] == [1, 3, 5]

    def forecast(configurations: Any) -> list[tuple[float, float, float]]:
        return [(5.0 if each["x"] == 2 else 9.0, 0.0, 0.0) for each in configurations]

    assert [each.number for each in runners(study, history, forecast)] == [1, 2, 3]


def test_only_the_incumbent_where_there_is_nothing_to_race() -> None:
    losses = (10.0, 5.0, 7.0, 6.0)
    for study in (
        study_of(check={"race": 1}),
        study_of(evaluation={"command": ["true", "{x}"], "check_seeds": SEEDS[:5]}),
    ):
        assert [each.number for each in runners(study, history_of(study, *losses), unknown)] == [1]
        assert most_sides(study) == 0
    study = study_of()
    assert most_sides(study) == 4
    assert runners(study, history_of(study, 1.0, 5.0), unknown) == []
    assert [each.number for each in runners(study, history_of(study, 6.0, 5.0, 7.0), unknown)] == [1]


def test_the_lucky_one_is_found_out() -> None:
    """The search put a lucky trial first; ten per cent noise, fifteen per cent between it and the best."""
    rng, truth = random.Random(1), {0: 1.2, 1: 1.0, 2: 1.0, 3: 0.85}
    winners = [run(lambda number, _seed: truth[number] * math.exp(rng.gauss(0, 0.1))).winner for _ in range(200)]
    assert sum(each.number == 3 for each in winners) >= 170


def test_without_noise_two_rounds_are_enough() -> None:
    race = run(lambda number, _seed: {0: 2.0, 1: 1.5, 2: 1.0, 3: 1.2}[number])
    assert race.winner.number == 2
    assert len(race.default) == 2
    assert [(each.trial, each.rounds, each.ratio, each.stayed) for each in race.results()] == [
        (2, 2, pytest.approx(2.0), True),
        (3, 2, pytest.approx(2 / 1.2), False),
        (1, 2, pytest.approx(2 / 1.5), False),
    ]
    assert len(run(lambda number, _seed: 2.0 - (number > 0)).default) == 2  # all equal: the incumbent stays
    assert run(lambda number, _seed: 2.0 - (number > 0)).winner.number == 1


def test_of_equals_the_steadier_wins() -> None:
    def loss(number: int, seed: int) -> float:
        swing = {0: 0.0, 1: 0.3, 2: 0.02, 3: 0.3}[number]
        return (2.0 if number == 0 else 1.0) * math.exp(swing * (-1) ** (seed + number))

    assert run(loss).winner.number == 2


def test_who_fails_or_breaks_a_constraint_leaves() -> None:
    failing = run(lambda number, seed: None if number == 1 and seed % 2 else {0: 2.0, 1: 0.5, 2: 1.0, 3: 1.5}[number])
    assert failing.winner.number == 2
    assert [each.failed for each in failing.results() if each.trial == 1] == [1]
    bound = study_of(constraints=[{"metric": "memory", "max": 1.2}])
    assert run(lambda number, _seed: {0: 2.0, 1: 1.5, 2: 1.0, 3: 1.9}[number], study=bound).winner.number == 2


def test_negative_losses_and_differences() -> None:
    assert run(lambda number, _seed: {0: -1.0, 1: -1.5, 2: -3.0, 3: -2.0}[number]).results()[0].ratio == pytest.approx(
        3
    )
    mixed = run(lambda number, _seed: {0: 1.0, 1: 0.5, 2: -1.0, 3: 0.0}[number])
    assert mixed.winner.number == 2
    assert mixed.results()[0].ratio is None


def test_its_seeds_are_neither_the_search_s_nor_the_check_s() -> None:
    study = study_of(evaluation={"command": ["true", "{x}"], "check_seeds": [20_001, 20_003], "tuning_seeds": [20_002]})
    assert race_seeds(study, 3) == [20_004, 20_005, 20_006]


@pytest.mark.parametrize(("most", "expected"), [(3, 2), (1, 1)])
def test_a_run_checks_the_winner_and_tells_the_race(store: Store, most: int, expected: int) -> None:
    study = study_of(
        check={"race": most, "ablation": False},
        budget={"trials": 3},
        parameters={"x": {"type": "int", "low": 0, "high": 2, "default": 0}},
    )
    order: list[int] = []

    def loss(configuration: Any, seed: int) -> dict[str, float]:
        x = configuration["x"]
        order.append(x)
        lucky = seed < 100 and x == 1  # only in the search
        return {"loss": 1.0 if lucky else {0: 10.0, 1: 8.0, 2: 4.0}[x] * (1 + 0.001 * (seed % 5))}

    async def drive() -> StudyFinished:
        session = Session.start(study, store)
        found = [event async for event in session.run(FunctionExecutor(loss))]
        assert isinstance(found[-1], StudyFinished)
        kinds = [each.phase for each in found if each.event == "check_progressed"]
        assert ("race" in kinds) == (most > 1)
        return found[-1]

    finished = asyncio.run(drive())
    assert finished.best is not None
    assert finished.check is not None
    assert finished.best.configuration == {"x": expected}
    assert finished.check.improved
    assert finished.check.risk is not None
    assert 0 < finished.check.risk < 0.05
    told = words.race(finished.race)
    assert told.startswith(f"race of the best 2 for the check: trial {finished.best.trial} 2.50x") == (most > 1)
    assert any("risk that it is no gain: about 1.8 %" in line for line in words.beside(finished.check))
