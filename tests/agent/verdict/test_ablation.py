"""The ablation: which steps from the default to the incumbent made the difference."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from trimtab.agent.events import AblationStep
from trimtab.agent.study.space import Configuration
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.agent.verdict.ablation import measure_ablation
from trimtab.tools.targets import Measurement

PARAMETERS = {f"p{i}": {"type": "int", "low": 0, "high": 9, "default": 0} for i in range(4)}


def ablate(loss: Callable[[Configuration, int], float | None], **changed: int) -> tuple[list[AblationStep], int]:
    """Return the steps of an ablation where `loss` measures, None for a failure; and the number of evaluations."""
    study = make_study(
        parameters=PARAMETERS, forbidden=[], evaluation={"command": ["true", *(f"{{{p}}}" for p in PARAMETERS)]}
    )
    default = study.space.default
    trials = [
        Trial(number, source, Candidate(configuration), "complete")
        for number, source, configuration in (
            (0, DEFAULT, default),
            (1, Source("sampler", "tpe"), {**default, **changed}),
        )
    ]

    async def measure(_purpose: str, _trial: int, _position: int, seed: int, candidate: Candidate) -> Measurement:
        tried = candidate.configuration
        found = loss(tried, seed)
        if found is None:
            return Measurement(state="failed", reason="no")
        return Measurement(state="complete", metrics={"loss": found})

    async def collect() -> tuple[list[AblationStep], int]:
        told = [each async for each in measure_ablation(study, trials[0], trials[1], measure)]
        done, total, steps = told[-1]
        assert done == total
        return steps, done

    return asyncio.run(collect())


def test_the_step_that_helped_and_the_one_that_hurt_are_told_from_those_without_effect() -> None:
    rng = random.Random(0)

    def loss(tried: Any, _seed: int) -> float:
        level = (0.5 if tried["p0"] == 1 else 1.0) * (1.3 if tried["p1"] == 1 else 1.0)
        return level * rng.lognormvariate(0, 0.02)

    steps, _ = ablate(loss, p0=1, p1=1, p2=1, p3=1)
    by_name = {next(iter(step.parameters)): step for step in steps}
    assert {name: step.matters for name, step in by_name.items()} == {"p0": True, "p1": True, "p2": False, "p3": False}
    assert by_name["p0"].ratio == pytest.approx(2.0, rel=0.1)
    assert by_name["p1"].ratio == pytest.approx(1 / 1.3, rel=0.1)
    assert by_name["p0"].low is not None and by_name["p0"].low < 2 < by_name["p0"].high  # type: ignore[operator]


def test_without_any_effect_stars_are_as_rare_as_stated() -> None:
    rng = random.Random(1)
    starred = 0
    for _ in range(150):
        steps, _ = ablate(lambda _tried, _seed: rng.lognormvariate(0, 0.1), p0=1, p1=1, p2=1, p3=1)
        starred += any(step.matters for step in steps)
    assert starred / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


def test_a_step_into_or_out_of_failure_has_no_effect_that_can_be_told() -> None:
    def loss(tried: Configuration, _seed: int) -> float | None:
        return (
            None if tried["p1"] and tried["p2"] and not tried["p0"] else 4.0 - tried["p1"] - tried["p2"] + tried["p0"]
        )

    steps, _ = ablate(loss, p0=1, p1=1, p2=1)
    assert [(list(step.parameters), step.ratio is None) for step in steps] == [
        (["p1"], False),
        (["p2"], True),
        (["p0"], True),
    ]
    assert [step.matters for step in steps] == [True, False, False]


def test_a_noiseless_system_is_judged_exactly() -> None:
    steps, evaluations = ablate(lambda tried, _seed: 2.0 - tried["p0"], p0=1, p1=1)
    assert [(step.ratio, step.matters) for step in steps] == [(pytest.approx(2.0), True), (pytest.approx(1.0), False)]
    assert evaluations == 2 + 3 * 5
