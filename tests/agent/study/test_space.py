import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, IntDistribution

from trimtab.agent.study.sections import Study
from trimtab.agent.study.space import Space, key
from trimtab.agent.testing import make_study, small_study

SPACE = make_study().space
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["fast", "FAST", "unsafe", "12", " 0.25 ", "nan", "1e400", "-inf"]),
)
PROPOSALS = st.dictionaries(st.one_of(st.sampled_from(list(SPACE.parameters)), st.text(max_size=8)), JUNK, max_size=8)


@given(PROPOSALS)
def test_repair_always_yields_a_valid_configuration(values: dict[str, Any]) -> None:
    used = SPACE.repair(values).configuration
    assert SPACE.problems(used) == []
    assert SPACE.violated(used) is None
    assert all(math.isfinite(value) for value in used.values() if isinstance(value, float))


@given(PROPOSALS)
def test_repair_changes_nothing_the_second_time(values: dict[str, Any]) -> None:
    used = SPACE.repair(values).configuration
    again = SPACE.repair(used)
    assert again.configuration == used
    assert again.changes == ()


@given(PROPOSALS)
def test_every_difference_between_given_and_used_is_reported(values: dict[str, Any]) -> None:
    repaired = SPACE.repair(values)
    reported = {change.parameter for change in repaired.changes}
    for name, value in repaired.configuration.items():
        if name not in values or values[name] is None or values[name] != value:
            assert name in reported


@given(st.integers(0, 10_000))
def test_samples_are_valid_and_fit_the_json_schema(seed: int) -> None:
    sample = SPACE.sample(random.Random(seed))
    assert SPACE.problems(sample) == []
    schema = SPACE.json_schema()
    assert set(schema["required"]) <= sample.keys() <= schema["properties"].keys()


@pytest.mark.parametrize(
    ("given_", "name", "used", "why"),
    [
        ({"x": "0.25"}, "x", 0.25, "parsed"),
        ({"x": 7}, "x", 1.0, "above high"),
        ({"x": float("nan")}, "x", 0.5, "not finite"),
        ({"n": 3.7}, "n", 4, "snapped"),
        ({"n": "1,000"}, "n", 64, "above high"),
        ({"mode": "Fast"}, "mode", "fast", "parsed"),
        ({"mode": "fst"}, "mode", "fast", "nearest"),
        ({"mode": "unsafe"}, "mode", "slow", "loses data"),
        ({"burst": 5}, "burst", None, "inactive"),
        ({"nn": 5}, "nn", None, "did you mean 'n'"),
    ],
)
def test_repair_says_what_it_did(given_: dict[str, Any], name: str, used: Any, why: str) -> None:
    repaired = SPACE.repair({**SPACE.default, **given_})
    change = next(change for change in repaired.changes if change.parameter == name)
    assert change.used == used
    assert why in change.why
    assert repaired.configuration.get(name) == used


def test_optuna_gets_active_parameters_only() -> None:
    assert set(SPACE.to_optuna(SPACE.default)) == {"x", "n", "mode"}
    fast = SPACE.complete({**SPACE.default, "mode": "fast"})
    assert set(SPACE.to_optuna(fast)) == {"x", "n", "mode", "burst"}
    assert isinstance(SPACE.distributions["burst"], IntDistribution)
    assert isinstance(SPACE.distributions["mode"], CategoricalDistribution)


def test_conditions_may_come_before_what_they_name() -> None:
    data = small_study()
    data["parameters"] = dict(reversed(data["parameters"].items()))
    space: Space = Study.model_validate(data).space
    assert list(space.parameters).index("mode") < list(space.parameters).index("burst")
    assert "burst" in space.complete({"mode": "fast"})


def test_ordinal_parameters_are_positions_to_optuna() -> None:
    study = make_study(
        parameters={"size": {"type": "ordinal", "choices": [1, 16, 256], "default": 16}},
        forbidden=[],
        evaluation={"command": "true {size}"},
    )
    assert study.space.to_optuna({"size": 256}) == {"size": 2}
    assert study.space.repair({"size": 200}).configuration == {"size": 256}


def test_keys_do_not_depend_on_order() -> None:
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
    assert json.loads(key({"a": 1})) == {"a": 1}


def test_steps_have_the_numbers_people_write() -> None:
    study = make_study(
        parameters={"rate": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1, "default": 0.3}},
        forbidden=[],
        evaluation={"command": "true {rate}"},
    )
    assert study.space.repair({"rate": 0.30000000000000004}).configuration == {"rate": 0.3}
    assert study.space.size == 11
