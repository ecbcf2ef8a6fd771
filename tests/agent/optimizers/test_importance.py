"""Which parameters matter alone and which only together, on functions where that is known."""

import random
from typing import Any

from trimtab.agent.optimizers.importance import FEWEST, FEWEST_TOGETHER, importance, interactions
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

NAMES = ("a", "b", "c", "d")


def history_of(loss: Any, count: int = 200) -> History:
    parameters = {name: {"type": "float", "low": -1.0, "high": 1.0, "default": 0.0} for name in NAMES}
    command = ["true", *(f"{{{name}}}" for name in NAMES)]
    study = make_study(parameters=parameters, forbidden=[], evaluation={"command": command})
    history, rng = History(study), random.Random(1)
    for number in range(count):
        values = {name: rng.uniform(-1, 1) for name in NAMES}
        trial = Trial(number, Source("sampler", "x"), Candidate(values), "complete", {"loss": loss(values)})
        history.add(trial)
        history.update(trial)
    return history


def test_the_parameter_that_matters_is_first() -> None:
    found = importance(history_of(lambda v: 10 + 5 * v["c"] + 0.1 * v["a"]))
    assert not isinstance(found, str)
    assert found[0][0] == "c"
    assert found[0][1] > 0.5
    assert "needs at least" in str(importance(history_of(lambda v: v["a"], FEWEST - 1)))


def test_a_pair_that_matters_only_together_is_found() -> None:
    found = interactions(history_of(lambda v: 10 + 5 * v["a"] * v["b"] + v["c"]))
    assert set(found[0][:2]) == {"a", "b"}
    assert found[0][2] > 5 * found[1][2]
    assert found[0][2] > 0.3


def test_parameters_that_add_up_do_not_interact() -> None:
    found = interactions(history_of(lambda v: 10 + 5 * v["a"] + 5 * v["b"]))
    assert max(share for _a, _b, share in found) < 0.05
    assert interactions(history_of(lambda v: v["a"], FEWEST_TOGETHER - 1)) == []
    assert interactions(history_of(lambda _v: 1.0, 40)) == []
