"""Where to begin: by what studies of the same space measured, whatever the scale of their results."""

import random

import pytest

from trimtab.agent.memory.past import Past
from trimtab.agent.memory.transfer import Transfer
from trimtab.agent.study.sections import Study
from trimtab.agent.study.space import Configuration
from trimtab.agent.testing import make_study


def line() -> Study:
    parameters = {"x": {"type": "float", "low": -1, "high": 1, "default": 0}}
    return make_study(parameters=parameters, forbidden=[], evaluation={"command": ["true", "{x}"]})


def past(study: Study, best: float, scale: float = 1.0, key: str = "", similarity: float = 1.0, seed: int = 0) -> Past:
    rng = random.Random(f"{best} {seed}")
    drawn = [study.space.sample(rng) for _ in range(30)]
    results = [(each, scale * (1 + abs(float(each["x"]) - best))) for each in drawn]
    return Past(key or f"best-{best:g}", similarity, results)


def test_it_begins_where_past_studies_were_good_whatever_their_scale() -> None:
    study = make_study()
    transfer = Transfer(study, [past(study, -0.8, 1e6, "a"), past(study, -0.8, 1e-6, "b", seed=1)])
    found = transfer.next([study.space.default], [])
    assert found is not None
    assert abs(float(found.configuration["x"]) + 0.8) < 0.15
    assert set(found.studies) == {"a", "b"}


def test_a_second_one_is_for_those_whom_the_first_does_not_serve() -> None:
    study = line()
    transfer = Transfer(study, [past(study, -0.9), past(study, 0.9), past(study, 0.9, seed=2)])
    first = transfer.next([study.space.default], [])
    assert first is not None
    second = transfer.next([study.space.default, first.configuration], [])
    assert second is not None
    found = [first.configuration["x"], second.configuration["x"]]
    assert found == [pytest.approx(0.9, abs=0.15), pytest.approx(-0.9, abs=0.15)]
    assert second.studies[0] == "best--0.9"


def measured(xs: list[float], best: float) -> list[tuple[Configuration, float]]:
    return [({"x": x}, abs(x - best)) for x in xs]


def test_studies_that_rank_what_was_measured_wrongly_do_not_count() -> None:
    study = line()
    misleading = [past(study, -0.9, seed=seed) for seed in range(3)]
    transfer = Transfer(study, [*misleading, past(study, 0.6)])
    tried = measured([0.0, -0.5, -0.9, 0.3], 0.6)
    found = transfer.next([configuration for configuration, _loss in tried], tried)
    assert found is not None
    assert found.studies == ("best-0.6",)
    assert abs(float(found.configuration["x"]) - 0.6) < 0.2


def test_a_more_similar_study_is_heard_first() -> None:
    study = line()
    transfer = Transfer(study, [past(study, -0.9, similarity=0.4), past(study, 0.9, similarity=1.0)])
    found = transfer.next([study.space.default], [])
    assert found is not None
    assert float(found.configuration["x"]) > 0.5


def test_nothing_comes_of_nothing_and_of_too_little() -> None:
    study = make_study()
    assert Transfer(study, []).next([study.space.default], []) is None
    few = Past("few", 1.0, past(study, 0.0).results[:3])
    assert Transfer(study, [few]).next([study.space.default], []) is None


def test_what_is_forbidden_here_is_not_proposed() -> None:
    study = make_study(forbidden=[{"when": "x < 0", "reason": "no"}])
    free = make_study()
    found = Transfer(study, [past(free, -0.8)]).next([study.space.default], [])
    assert found is None or float(found.configuration["x"]) >= 0
