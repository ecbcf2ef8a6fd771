"""Conditions and forbidden clauses against a brute-force oracle, and search where little is allowed."""

import itertools
import math
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trimtab.agent.study.space import Space, key
from trimtab.agent.testing import make_study

Tree = tuple[Any, ...]
NAMES = ("p", "q", "r", "s")
VALUES = (0, 1, 2)


def comparisons(names: tuple[str, ...]) -> st.SearchStrategy[Tree]:
    return st.tuples(
        st.just("compare"), st.sampled_from(names), st.sampled_from(["==", "!=", "<", ">="]), st.integers(0, 2)
    )


def trees(names: tuple[str, ...]) -> st.SearchStrategy[Tree]:
    between = st.tuples(st.just("sum"), st.sampled_from(names), st.sampled_from(names), st.integers(0, 4))
    return st.recursive(
        comparisons(names) | between,
        lambda inner: (
            st.tuples(st.just("not"), inner)
            | st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
        ),
        max_leaves=5,
    )


def written(tree: Tree) -> str:
    match tree:
        case ("compare", name, sign, number):
            return f"{name} {sign} {number}"
        case ("sum", one, other, number):
            return f"{one} + {other} != {number}" if one != other else f"{one} == {number}"
        case ("not", inner):
            return f"not ({written(inner)})"
        case (word, parts):
            return f" {word} ".join(f"({written(each)})" for each in parts)
    raise AssertionError


def oracle(tree: Tree, values: Mapping[str, int]) -> bool:
    match tree:
        case ("compare", name, sign, number):
            return name in values and bool(eval(f"{values[name]} {sign} {number}"))
        case ("sum", one, other, number):
            if one == other:
                return one in values and values[one] == number
            return one in values and other in values and values[one] + values[other] != number
        case ("not", inner):
            return not oracle(inner, values)
        case (word, parts):
            return (all if word == "and" else any)([oracle(each, values) for each in parts])
    raise AssertionError


def every_configuration(when: Mapping[str, Tree], forbidden: list[Tree]) -> list[dict[str, int]]:
    """Return what is allowed, by trying everything: a parameter is active when its condition, over earlier ones, holds."""
    found = {}
    for values in itertools.product(VALUES, repeat=len(NAMES)):
        active: dict[str, int] = {}
        for name, value in zip(NAMES, values, strict=True):
            if name not in when or oracle(when[name], active):
                active[name] = value
        if not any(oracle(clause, active) for clause in forbidden):
            found[key(active)] = active
    return list(found.values())


@st.composite
def spaces(draw: Any) -> tuple[Space, list[dict[str, int]]]:
    when = {name: draw(trees(NAMES[:at])) for at, name in enumerate(NAMES) if at and draw(st.booleans())}
    forbidden = draw(st.lists(trees(NAMES), max_size=3))
    allowed = every_configuration(when, forbidden)
    complete = [each for each in allowed if len(each) == len(NAMES)]
    default = draw(st.sampled_from(allowed)) if allowed else None
    assume(default is not None)
    kinds = {name: draw(st.sampled_from(["int", "ordinal", "categorical"])) for name in NAMES}
    parameters = {
        name: {
            "type": kinds[name],
            **({"low": 0, "high": 2} if kinds[name] == "int" else {"choices": list(VALUES)}),
            "default": (default or {}).get(name, (complete or [{}])[0].get(name, 0)),
            **({"when": written(when[name])} if name in when else {}),
        }
        for name in draw(st.permutations(NAMES))
    }
    clauses = [{"when": written(each), "reason": "no"} for each in forbidden]
    study = make_study(parameters=parameters, forbidden=clauses, evaluation={"command": ["true"]})
    return study.space, allowed


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 1000))
def test_what_is_allowed_is_what_the_oracle_says(made: tuple[Space, list[dict[str, int]]], seed: int) -> None:
    space, allowed = made
    keys = {key(each) for each in allowed}
    for values in itertools.product(VALUES, repeat=len(NAMES)):
        configuration = space.complete(dict(zip(NAMES, values, strict=True)))
        assert (space.violated(configuration) is None) is (key(configuration) in keys)
    assert space.violated(space.default) is None
    assert key(space.sample(random.Random(seed))) in keys
    repaired = space.repair(space.any(random.Random(seed)))
    assert key(repaired.configuration) in keys
    assert key(space.repair(allowed[0]).configuration) == key(allowed[0])
    for group in space.groups:
        combinations = {key({n: v for n, v in each.items() if n in group.names}) for each in allowed}
        assert group.listed is not None
        assert combinations <= {key(each) for each in group.listed}
        assert len({key(each) for each in group.listed}) == len(group.listed)
        if len(group.names) == len(NAMES):
            assert {key(each) for each in group.listed} == keys
            assert space.allowed.count == len(keys)


@settings(max_examples=10, deadline=None)
@given(spaces())
def test_sampling_reaches_everything_that_is_allowed(made: tuple[Space, list[dict[str, int]]]) -> None:
    space, allowed = made
    chance = random.Random(0)
    reached = {key(space.sample(chance)) for _ in range(40 * len(allowed))}
    assert reached == {key(each) for each in allowed}


def tiled(**changes: Any) -> Any:
    """Return a space in the manner of a tiled kernel: 1 in 10,000 combinations is allowed."""
    sizes = {f"{name}{axis}": [1, 2, 4, 8, 16] for axis in "mn" for name in ("tile", "work", "load", "vector")}
    parameters: dict[str, Any] = {n: {"type": "ordinal", "choices": c, "default": 1} for n, c in sizes.items()}
    parameters["local"] = {"type": "int", "low": 1, "high": 4096, "default": 4}
    clauses = ["local != workm * workn * 4"]
    clauses += [f"tile{axis} % (work{axis} * vector{axis}) != 0 or load{axis} > tile{axis}" for axis in "mn"]
    data = {
        "parameters": parameters,
        "forbidden": [{"when": each, "reason": "no"} for each in clauses],
        "evaluation": {"command": ["true"]},
    }
    return make_study(**{**data, **changes})


def test_a_tightly_coupled_space_is_counted_and_searched_everywhere() -> None:
    space = tiled().space
    for_an_axis = sum(
        (t + 1) ** 2 * (t + 2) // 2 for t in range(5)
    )  # loads times pairs of divisors, by the tile's power
    assert space.allowed.count == for_an_axis**2
    assert str(space.allowed) == "0.0012 % of the space is allowed (19,600 of 1,600,000,000 combinations)"
    assert space.tight
    chance = random.Random(1)
    drawn = [space.sample(chance) for _ in range(400)]
    assert all(space.violated(each) is None for each in drawn)
    assert len({key(each) for each in drawn}) > 380
    assert {each["tilem"] for each in drawn} == {1, 2, 4, 8, 16}


def test_repair_in_a_tightly_coupled_space_stays_near_what_was_meant() -> None:
    space = tiled().space
    near = space.repair({**space.default, "tilem": 16, "workm": 8, "vectorm": 2, "loadm": 4, "local": 30}).configuration
    assert near == {**space.default, "tilem": 16, "workm": 8, "vectorm": 2, "loadm": 4, "local": 32}


def test_a_focus_narrows_what_is_drawn_and_mended() -> None:
    space = tiled(focus={"tilem": {"values": [16]}, "workm": {"values": [4, 8]}}).space
    chance = random.Random(2)
    drawn = [space.sample(chance) for _ in range(50)]
    assert {each["tilem"] for each in drawn} == {16}
    assert {each["workm"] for each in drawn} == {4, 8}
    assert space.repair(space.default).configuration["workm"] == 4


FLOATS = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in ("a", "b", "c")}


def floats(*clauses: str) -> Space:
    forbidden = [{"when": each, "reason": "no"} for each in clauses]
    found: Space = make_study(parameters=FLOATS, forbidden=forbidden, evaluation={"command": ["true"]}).space
    return found


def test_numbers_without_steps_are_searched_and_mended_at_the_edge() -> None:
    space = floats("a + b + c > 1.5", "abs(a - b) > 0.004")
    assert str(space.allowed).startswith(("about", "less than"))
    drawn = [space.sample(random.Random(seed)) for seed in range(20)]
    assert all(space.violated(each) is None for each in drawn)
    assert len({each["a"] for each in drawn}) > 10
    near = space.repair({"a": 0.3, "b": 0.9, "c": 0.2}).configuration
    assert near["c"] == 0.2
    assert space.violated(near) is None
    assert 0.3 <= near["a"] <= 0.9
    assert space.repair({"a": 0.3, "b": 0.305, "c": 0.2}).configuration == {
        "a": pytest.approx(0.301, abs=1e-3),
        "b": pytest.approx(0.305, abs=1e-3),
        "c": 0.2,
    }


def test_mending_prefers_the_smallest_step_and_the_default_among_equals() -> None:
    parameters = {
        "depth": {"type": "int", "low": -1, "high": 12, "default": -1},
        "leaves": {"type": "int", "low": 2, "high": 100_000, "log": True, "default": 31},
        "mode": {"type": "categorical", "choices": ["a", "b", "c"], "default": "c"},
    }
    clauses = [("depth > 0 and leaves > 2 ** depth", "no"), ("mode == 'a'", "no")]
    forbidden = [{"when": when, "reason": why} for when, why in clauses]
    space = make_study(parameters=parameters, forbidden=forbidden, evaluation={"command": ["true"]}).space
    assert space.repair({"depth": 6, "leaves": 90, "mode": "a"}).configuration == {
        "depth": 6,
        "leaves": 64,
        "mode": "c",
    }
    assert space.repair({"depth": 12, "leaves": 90_000, "mode": "b"}).configuration == {
        "depth": 12,
        "leaves": 4096,
        "mode": "b",
    }


def test_derived_values_stand_in_clauses_and_conditions() -> None:
    parameters = {
        **FLOATS,
        "extra": {"type": "int", "low": 0, "high": 3, "default": 1, "when": "total > 1"},
    }
    study = make_study(
        parameters=parameters,
        derived={"total": "a + b", "whole": "total + c"},
        forbidden=[{"when": "whole > 2", "reason": "no"}],
        evaluation={"command": ["true"]},
    )
    assert "extra" not in study.space.default
    assert study.space.complete({"a": 0.9, "b": 0.2})["extra"] == 1
    assert study.space.violated({"a": 0.9, "b": 0.9, "c": 0.5}) is not None
    assert study.space.violated({"a": 0.9, "b": 0.9, "c": 0.1}) is None


@pytest.mark.parametrize(("low", "high"), [(1e-6, 1e-1), (1e-300, 1e300), (3e-5, 7e-5)])
def test_the_ends_of_logarithmic_ranges_are_exact(low: float, high: float) -> None:
    parameter = {"type": "float", "low": low, "high": high, "log": True, "default": low}
    space = make_study(parameters={"x": parameter}, forbidden=[], evaluation={"command": ["true"]}).space
    for near, end in ((math.exp(math.log(low)), low), (math.exp(math.log(high)), high), (low * (1 + 4e-16), low)):
        assert space.parameters["x"].mend(near)[0] == end
