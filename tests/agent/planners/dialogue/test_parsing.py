import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.planners.dialogue.parsing import parse_answer, parse_predictions, proposals_in

NAMES = ("x", "n", "mode")
GOOD = {
    "proposals": [
        {"values": {"x": 0.5, "n": 3}, "rationale": "why not", "predicted": {"expected": 2, "low": 1, "high": 3}}
    ]
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"Sure, here it is:\n```json\n{json.dumps(GOOD, indent=2)}\n```\nGood luck!",
        json.dumps(GOOD["proposals"]),
        json.dumps({"configuration": {"x": 0.5, "n": 3}, "why": "why not", "predicted": [2, 1, 3]}),
        json.dumps(
            {"x": 0.5, "n": 3, "rationale": "why not", "predicted": {"loss": {"expected": 2, "low": 1, "high": 3}}}
        ),
        "CONFIGURATION\nx = 0.5\nn = 3\nWHY why not\nPREDICT 2 1 3\nEND",
        "I think:\n- **x**: 0.5\n- `n`: 3,\nWHY: why not\nPREDICT expected 2 low 1 high 3",
    ],
)
def test_many_forms_of_the_same_proposal_are_read(text: str) -> None:
    found = parse_answer(text, NAMES)
    assert found.problem is None
    (proposal,) = found.proposals
    values = {name.strip("*`"): float(value) for name, value in proposal.values.items()}
    assert values == {"x": 0.5, "n": 3}
    if "**" not in text:
        assert proposal.rationale == "why not"
        assert proposal.predicted == (2, 1, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("You should look at the documentation first.", "prose"),
        ("{'x': 0.5, 'n'", "malformed"),
        ('{"answer": 42}', "wrong_shape"),
        ("[]", "wrong_shape"),
        ("null", "wrong_shape"),
    ],
)
def test_what_cannot_be_used_has_a_code(text: str, problem: str) -> None:
    found = parse_answer(text, NAMES)
    assert (found.proposals, found.problem) == ((), problem)


@given(st.integers(1, 200))
def test_a_cut_off_answer_keeps_its_complete_proposals(length: int) -> None:
    whole = json.dumps({"proposals": [{"values": {"x": i / 10, "n": i}, "rationale": "r"} for i in range(1, 4)]})
    found = parse_answer(whole[:length], NAMES)
    for proposal in found.proposals:
        assert proposal.values.keys() <= set(NAMES)
    assert found.problem is not None or len(found.proposals) == 3


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.floats()
            | st.text(max_size=5)
            | st.sampled_from(["values", "x", "proposals"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["x", "values", "proposals", "predicted", "why"]), inner, max_size=3)
            ),
            max_leaves=12,
        ).map(json.dumps),
    )
)
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    found = parse_answer(text, NAMES)
    assert found.proposals or found.problem
    for proposal in found.proposals:
        assert "\n" not in proposal.rationale
        assert proposal.predicted is None or all(map(math.isfinite, proposal.predicted))
    parse_predictions(text)


def test_predictions_come_in_order() -> None:
    text = '{"predictions": [{"expected": 1, "low": 0, "high": 2}, {"expected": 3, "low": 4, "high": 2}]}'
    assert parse_predictions(text) == [(1, 0, 2), (3, 2, 4)]


HOSTILE = {
    "spaces before the end of a line": "x = 1" + " " * 190_000 + "y",
    "many proposals": json.dumps({"proposals": [{"values": {"x": n, "n": n}} for n in range(5000)]}),
    "lists that are never closed": "[1," * 66_000,
    "objects that are never closed": '{"x":1,' * 27_000,
    "only openings": "[" * 200_000,
    "an open fence": "```json" + " " * 190_000,
    "many fences": "```" * 60_000,
    "many lines": "x = 1\n" * 40_000,
    "one long number": "PREDICT " + "1" * 190_000,
    "one long name": "a" * 190_000 + " = 1",
    "one long value": json.dumps({"x": "9" * 190_000}),
    "many unknown names": json.dumps({"x": 1, **{f"name{n}": n for n in range(15_000)}}),
    "nested quotes": '{"proposals": "' + '\\"' * 90_000,
    "thoughts that never end": "<think>" * 28_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_read_into_something_small(kind: str) -> None:
    """Each of these took minutes, or gigabytes, where the work was more than linear."""
    found = parse_answer(HOSTILE[kind], NAMES)
    parse_predictions(HOSTILE[kind])
    assert len(found.proposals) <= 50
    assert (
        sum(len(str(name)) + len(str(value)) for each in found.proposals for name, value in each.values.items())
        < 40_000
    )
    assert all(len(each.values) <= len(NAMES) + 10 for each in found.proposals)


@pytest.mark.parametrize(
    "given",
    [
        {"proposals": [{"values": {"x": 1}}]},
        {"proposals": {"values": {"x": 1}}},
        {"proposals": json.dumps([{"values": {"x": 1}}])},
        {"values": {"x": 1}},
        {"x": 1},
        [{"configuration": {"x": 1}}],
        json.dumps({"proposals": [{"x": 1}]}),
    ],
)
def test_arguments_of_the_tool_are_read_in_any_form(given: object) -> None:
    assert [each.values for each in proposals_in(given, NAMES)] == [{"x": 1}]


@pytest.mark.parametrize("given", [None, 7, "x", [], {}, {"proposals": None}, {"proposals": [[1]]}, "[" * 1000])
def test_arguments_without_a_configuration_hold_none(given: object) -> None:
    assert proposals_in(given, NAMES) == ()
