"""What repair may change, and what it must refuse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.proposal import Accepted, Proposal, Refused, review
from trimtab.agent.trials.source import Source

PARAMETERS = {
    "rate": {"type": "float", "low": 0.001, "high": 1.0, "log": True, "default": 0.1, "unit": "MB"},
    "size": {"type": "float", "low": 0, "high": 100, "default": 10},
    "block": {"type": "int", "low": 16, "high": 1024, "step": 16, "default": 64, "unit": "KiB"},
    "mode": {"type": "categorical", "choices": ["none", "lru", "arc"], "default": "none"},
    "level": {"type": "ordinal", "choices": [1, 4, 9], "default": 4},
    "pages": {"type": "categorical", "choices": [4096, 8192], "default": 4096},
    "sync": {"type": "bool", "default": True},
    "cache": {"type": "int", "low": 1, "high": 9, "default": 1, "when": "mode != 'none'"},
}
FORBIDDEN = [{"when": "mode == 'arc' and block > 512", "reason": "it deadlocks"}]


def study(**more: Any) -> Study:
    evaluation = {"command": ["true", *(f"{{{name}}}" for name in PARAMETERS)]}
    return make_study(parameters=PARAMETERS, forbidden=FORBIDDEN, evaluation=evaluation, **more)


def reviewed(values: dict[str, Any], seen: dict[str, int] | None = None, **more: Any) -> Accepted | Refused:
    proposal = Proposal(values, Source("planner", "m"), "r", {"loss": (1, 0, 2)})
    return review(proposal, study(**more).space, seen or {})


FORM = [
    ({"block": "128"}, "block", 128),
    ({"block": "128 KiB"}, "block", 128),
    ({"block": 130}, "block", 128),
    ({"block": 1030}, "block", 1024),
    ({"block": 9}, "block", 16),
    ({"size": 100.5}, "size", 100.0),
    ({"size": -0.5}, "size", 0.0),
    ({"rate": 1.01}, "rate", 1.0),
    ({"rate": "0.5MB"}, "rate", 0.5),
    ({"mode": " LRU "}, "mode", "lru"),
    ({"mode": "'arc'"}, "mode", "arc"),
    ({"level": "4"}, "level", 4),
    ({"level": 5}, "level", 4),
    ({"pages": "8192"}, "pages", 8192),
    ({"pages": 8192.0}, "pages", 8192),
    ({"sync": "off"}, "sync", False),
    ({"sync": 0}, "sync", False),
    ({"block": 128, "cache": 3}, "cache", None),
    ({"block": 128, "colour": "red"}, "colour", None),
    ({"block": 128, "size": None}, "size", 10),
]


@pytest.mark.parametrize(("values", "name", "used"), FORM)
def test_form_is_repaired(values: dict[str, Any], name: str, used: Any) -> None:
    found = reviewed(values)
    assert isinstance(found, Accepted)
    assert found.configuration.get(name) == used
    assert found.proposal.predicted == {"loss": (1, 0, 2)}


MEANING = [
    ({"block": 2048}, "block=2048 is not a number from 16 to 1024"),
    ({"block": 0}, "block=0 is not"),
    ({"block": "large"}, "block=large is not"),
    ({"block": True}, "block=true is not"),
    ({"block": [64]}, "block=[64] is not"),
    ({"block": float("nan")}, "block=nan is not"),
    ({"block": 1e300}, "block=1e+300 is not"),
    ({"size": 102}, "size=102 is not"),
    ({"rate": 0.0005}, "rate=0.0005 is not a number from 0.001 to 1"),
    ({"rate": 0}, "rate=0 is not"),
    ({"rate": -1}, "rate=-1 is not"),
    ({"mode": "lfu"}, "mode=lfu is not one of none, lru, arc"),
    ({"mode": "lru2"}, "mode=lru2 is not one of"),
    ({"mode": 1}, "mode=1 is not one of"),
    ({"mode": ["lru"]}, "is not one of"),
    ({"level": 12}, "level=12 is not one of 1, 4, 9"),
    ({"pages": 5000}, "pages=5000 is not one of 4096, 8192"),
    ({"sync": "maybe"}, "sync=maybe is not true or false"),
    ({"mode": "lru", "cache": 99}, "cache=99 is not"),
]


@pytest.mark.parametrize(("values", "reason"), MEANING)
def test_meaning_is_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    found = reviewed(values)
    assert isinstance(found, Refused)
    assert found.code == "invalid_value"
    assert reason in found.reason


def test_every_wrong_value_is_named() -> None:
    found = reviewed({"block": 0, "mode": "lfu", "sync": "maybe"})
    assert isinstance(found, Refused)
    assert [part.split("=")[0] for part in found.reason.split("; ")] == ["block", "mode", "sync"]


def test_a_forbidden_region_is_refused_with_its_clause() -> None:
    found = reviewed({"mode": "arc", "block": 1024})
    assert isinstance(found, Refused)
    assert (found.code, found.reason) == ("forbidden", "forbidden when mode == 'arc' and block > 512: it deadlocks")


@pytest.mark.parametrize(
    ("focus", "values", "left"),
    [
        ({"block": {"low": 64, "high": 64}}, {"block": 128}, "only 64"),
        ({"block": {"low": 64, "high": 256}}, {"block": 512}, "64 to 256"),
        ({"mode": {"values": ["lru"]}}, {"mode": "arc"}, "only lru"),
        ({"sync": {"values": [True]}}, {"sync": False}, "only true"),
    ],
)
def test_what_a_person_froze_is_refused(focus: dict[str, Any], values: dict[str, Any], left: str) -> None:
    found = reviewed(values, focus=focus)
    assert isinstance(found, Refused)
    assert found.code == "frozen"
    assert left in found.reason


def test_what_is_not_named_stays_within_the_focus() -> None:
    found = reviewed({"size": 5}, focus={"block": {"low": 256, "high": 256}})
    assert isinstance(found, Accepted)
    assert found.configuration["block"] == 256


def test_a_repetition_names_the_trial() -> None:
    space = study().space
    tried = {Candidate(space.default).key: 7}
    found = reviewed({"block": 64}, tried)
    assert isinstance(found, Refused)
    assert (found.code, found.repeats) == ("duplicate", 7)
    assert "the same as trial 7" in found.reason
    waiting = review(Proposal({"block": 64}, Source("planner")), space, {}, list(tried))
    assert isinstance(waiting, Refused)
    assert (waiting.code, waiting.repeats) == ("duplicate", None)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["LRU", "64 KiB", "on"])
)


@given(st.dictionaries(st.sampled_from([*PARAMETERS, "other"]), anything, min_size=1))
def test_what_is_accepted_is_valid_and_near_to_what_was_given(values: dict[str, Any]) -> None:
    space = study().space
    found = review(Proposal(values, Source("planner")), space, {})
    if isinstance(found, Refused):
        assert found.reason
        return
    assert space.violated(found.configuration) is None
    for name, value in found.configuration.items():
        given_ = values.get(name)
        if given_ is None:
            assert value == space.parameters[name].default
        elif isinstance(given_, int | float) and not isinstance(given_, bool) and name in {"size", "block"}:
            assert abs(float(given_) - float(value)) < 16
        elif name == "mode":
            assert str(value) == str(given_).strip().strip("'\"").casefold()
