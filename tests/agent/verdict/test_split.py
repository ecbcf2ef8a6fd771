"""The 2 x 2 split recovers what was planted."""

import math
import random

import pytest

from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.agent.verdict.split import SplitProgress, measure_split
from trimtab.tools.targets import Measurement

X = {"type": "int", "low": 0, "high": 9, "default": 0}
CODE, PARAMETERS, BOTH = 2.0, 1.5, 1.2


async def split(direction: str, noise: float, seeds: int = 10, fails: bool = False) -> list[SplitProgress]:
    study = make_study(
        parameters={"x": X},
        forbidden=[],
        objectives=[{"metric": "loss", "direction": direction}],
        evaluation={"command": ["true", "{x}"]},
    )
    default = Trial(0, Source("default"), Candidate({"x": 0}))
    incumbent = Trial(3, Source("planner"), Candidate({"x": 5}, '{"result": "r", "edits": []}'))
    drawn = random.Random(7)

    async def measure(purpose: str, corner: int, position: int, seed: int, candidate: Candidate) -> Measurement:
        assert purpose == "split:3"
        edited, tuned = candidate.patch is not None, candidate.configuration["x"] == 5
        gain = (CODE if edited else 1) * (PARAMETERS if tuned else 1) * (BOTH if edited and tuned else 1)
        value = 100.0 * (1 + position) * math.exp(drawn.gauss(0, noise))  # each seed has a level of its own
        value = value * gain if direction == "maximize" else value / gain
        if fails and edited and position == 2:
            return Measurement(state="failed", reason="no")
        return Measurement(state="complete", metrics={"loss": value})

    return [each async for each in measure_split(study, default, incumbent, range(seeds), measure)]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
async def test_each_interval_covers_its_truth(direction: str) -> None:
    found = await split(direction, 0.03)
    assert [each.done for each in found[:-1]] == list(range(1, 41))
    last = found[-1].split
    assert last is not None
    for interval, truth in (
        (last.code, CODE),
        (last.parameters, PARAMETERS),
        (last.both, BOTH),
        (last.whole, CODE * PARAMETERS * BOTH),
    ):
        assert interval.low <= truth <= interval.high
        assert interval.value == pytest.approx(truth, rel=0.06)
        assert interval.low > 1
    assert last.seeds == 10


async def test_without_noise_it_is_exact_and_a_corner_that_fails_is_told() -> None:
    exact = (await split("minimize", 0.0))[-1].split
    assert exact is not None
    assert exact.both.value == pytest.approx(BOTH)
    failed = (await split("minimize", 0.0, fails=True))[-1]
    assert (failed.split, failed.failed) == (None, "no")
