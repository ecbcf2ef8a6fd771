"""What endpoints really do, and the outcome that one thought has of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from trimtab.agent.models.scripted import (
    Reply,
    ScriptedEndpoint,
    answer,
    call,
    failure,
    refusing,
    reply,
    tool_call,
    usage,
)

IDEA = {"x": -0.25, "n": 16, "mode": "slow"}
OTHER = {"x": 0.125, "n": 4, "mode": "fast"}
THIRD = {"x": 0.75, "n": 32, "mode": "slow"}


def idea(values: dict[str, Any] = IDEA, **more: Any) -> dict[str, Any]:
    return {"values": values, "rationale": "r", "predicted": {"expected": 1.2, "low": 1.0, "high": 2.0}, **more}


def propose(*ideas: Any, name: str = "propose") -> Reply:
    return tool_call(name, {"proposals": list(ideas)})


def text(*ideas: Any) -> str:
    return json.dumps({"proposals": list(ideas)})


THREE = propose(idea(), idea(OTHER), idea(THIRD))

USED: dict[str, Reply] = {
    "tools and proposal in one turn": reply(
        {"tool_calls": [call("history", {}), call("optimizer_state", {}), call("propose", {"proposals": [idea()]})]}
    ),
    "text before the call": reply(
        {"content": "Let me think.\n```json\n{}\n```", "tool_calls": [call("propose", {"proposals": [idea()]})]}
    ),
    "fields nobody knows": tool_call(
        "propose", {"proposals": [idea(confidence=0.9, notes={"a": 1})], "thinking": "hm"}
    ),
    "reasoning beside it": reply(
        {"reasoning_content": "long " * 500, "tool_calls": [call("propose", {"proposals": [idea()]})]},
        usage=usage(1000, 200, completion_tokens_details={"reasoning_tokens": 150}),
    ),
    "numbers as text": propose(idea({"x": "-0.25", "n": "16", "mode": "SLOW"})),
    "fences": answer(f"Here it is:\n```json\n{text(idea())}\n```\nGood luck!"),
    "think tags": answer(f"<think>maybe x = 0.9\nn = 3</think>\n{text(idea())}"),
    "long reasons": propose(idea(rationale="because " * 4000)),
    "null usage": reply({"tool_calls": [call("propose", {"proposals": [idea()]})]}, usage=usage(None, None)),
    "no usage": reply({"tool_calls": [call("propose", {"proposals": [idea()]})]}),
    "odd usage": reply({"tool_calls": [call("propose", {"proposals": [idea()]})]}, usage=usage("many", [1])),
    "a prefix before the name": propose(idea(), name="functions.propose"),
    "a channel behind the name": propose(idea(), name="propose<|channel|>commentary"),
    "proposals as text": tool_call("propose", {"proposals": json.dumps([idea()])}),
    "a list instead of an object": tool_call("propose", json.dumps([idea()])),
    "one flat proposal": tool_call("propose", idea()),
    "bare values": tool_call("propose", IDEA),
    "one proposal without a list": tool_call("propose", {"proposals": idea()}),
    "the object instead of its text": reply(
        {"tool_calls": [{**call("propose", ""), "function": {"name": "propose", "arguments": {"proposals": [idea()]}}}]}
    ),
    "low and high swapped": propose(idea(predicted={"expected": 1.2, "low": 2.0, "high": 1.0})),
    "a wrong reason to end": reply({"tool_calls": [call("propose", {"proposals": [idea()]})]}, finish="stop"),
}


@pytest.mark.parametrize("kind", USED)
def test_a_proposal_in_any_form_is_used_as_it_was_meant(thinking: Callable[..., Any], kind: str) -> None:
    with ScriptedEndpoint([USED[kind]], otherwise=lambda _r: answer("that is all")) as endpoint:
        at = thinking(endpoint)
        found = at.think()
    assert [at.study.space.repair(each.values).configuration for each in found] == [IDEA]
    assert found[0].predicted == ({} if kind == "bare values" else {"loss": (1.2, 1.0, 2.0)})
    assert set(at.problems) <= {"prose"}
    assert at.ledger.spent["input_tokens"] > 0
    assert at.ledger.spent["output_tokens"] > 0


def test_missing_usage_is_estimated_with_the_schemas_of_the_tools_and_said_once(thinking: Callable[..., Any]) -> None:
    silent = reply({"tool_calls": [call("propose", {"proposals": [idea(), idea(OTHER), idea(THIRD)]})]})
    with ScriptedEndpoint(otherwise=lambda _r: silent) as endpoint:
        at = thinking(endpoint)
        at.think(2)
        schemas = len(json.dumps(endpoint.requests[0]["tools"])) // 4
        asked = len(json.dumps(endpoint.requests[0]["messages"])) // 4
    assert at.ledger.spent["input_tokens"] > 2 * 0.9 * (schemas + asked)
    assert len([note for note in at.notices if "reports no usage: estimated" in note]) == 1


def test_what_is_left_out_is_completed_and_said(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(
        [propose(idea({"n": 16}), idea({"n": 16}), idea(OTHER))], lambda _r: answer("done")
    ) as endpoint:
        at = thinking(endpoint)
        found = at.think()
        told = at.told() if len(endpoint.requests) > 1 else ""
    assert [each.values for each in found] == [{"n": 16}, OTHER]
    assert at.problems == {"duplicate": 1}
    assert told == "", "two of three are enough"


def test_a_long_list_is_cut_to_what_was_asked_for_best_first(thinking: Callable[..., Any]) -> None:
    many = propose(*(idea({**IDEA, "n": n}) for n in range(10, 40)))
    with ScriptedEndpoint([many]) as endpoint:
        at = thinking(endpoint)
        found = at.think()
        assert len(endpoint.requests) == 1
    assert [each.values["n"] for each in found] == [10, 11, 12]
    assert at.messages == ["27 of 30 proposals left out: 3 asked for"]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown category": ({**IDEA, "mode": "fastest"}, "invalid_value", "mode=fastest is not one of slow, fast, unsafe"),
    "a near category": ({**IDEA, "mode": "slowest"}, "invalid_value", "mode=slowest is not one of"),
    "far outside": ({**IDEA, "x": 9.0}, "invalid_value", "x=9 is not a number from -1 to 1"),
    "no number": ({**IDEA, "n": "lots"}, "invalid_value", "n=lots is not a number from 1 to 64"),
    "forbidden": ({**IDEA, "mode": "fast", "n": 40}, "forbidden", "forbidden when mode == 'fast' and n > 32: known"),
    "repeats a trial": (
        {"x": -0.5, "n": 8, "mode": "slow"},
        "duplicate",
        "the same as trial 1, which measured loss=1.5",
    ),
    "nothing known": ({"speed": 3}, "unknown_parameters", "names none of the parameters"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_idea_is_told_with_its_reason_and_mended_in_the_same_thought(
    thinking: Callable[..., Any], kind: str
) -> None:
    wrong, code, reason = REFUSED[kind]
    with ScriptedEndpoint([propose(idea(wrong)), THREE]) as endpoint:
        at = thinking(endpoint)
        found = at.think()
        told = at.told()
    assert at.problems == {code: 1}
    assert f"1. refused: {reason}" in told
    assert [each.values for each in found] == [IDEA, OTHER, THIRD]


def test_a_frozen_parameter_is_not_moved_behind_the_models_back(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(
        [propose(idea()), propose(idea({"x": 0.0, "mode": "slow"}))], lambda _r: answer("ok")
    ) as endpoint:
        at = thinking(endpoint, focus={"n": {"low": 4, "high": 4}})
        found = at.think()
    assert at.problems["frozen"] == 1
    assert any("n=16 is outside of what a person lets the search try: only 4" in message for message in at.messages)
    assert [each.values for each in found] == [{"x": 0.0, "mode": "slow"}]


def test_each_idea_is_told_what_became_of_it(thinking: Callable[..., Any]) -> None:
    mixed = propose(idea({**IDEA, "n": "16", "colour": "red"}), idea({**IDEA, "x": 7}), idea({**IDEA, "mode": "none"}))
    with ScriptedEndpoint([mixed, propose(idea(OTHER))]) as endpoint:
        at = thinking(endpoint)
        found = at.think()
        told = at.told().splitlines()
    assert told[0].startswith(
        "1. accepted after repair: n: 16 -> 16 (parsed); colour: red -> dropped (unknown parameter: dropped"
    )
    assert told[1].startswith("2. refused: x=7 is not a number")
    assert told[2].startswith("3. refused: mode=none is not one of")
    assert len(found) == 2


NAMED: dict[str, tuple[Reply, str, int, str]] = {
    "cut off while reasoning": (
        reply({"content": ""}, finish="length", usage=usage(9, 9, completion_tokens_details={"reasoning_tokens": 9})),
        "length",
        2,
        "raise model.max_output_tokens",
    ),
    "cut off in a call": (
        reply({"tool_calls": [call("propose", text(idea())[:60])]}, finish="length"),
        "length",
        2,
        "in the middle of a call of 'propose': raise model.max_output_tokens",
    ),
    "a broken call": (
        tool_call("propose", '{"proposals": [{"values": {"x": 8,}}]'),
        "invalid_tool_call",
        2,
        "raise model.max_output_tokens",
    ),
    "a refusal": (reply({"refusal": "I can't help with that."}), "refusal", 2, "I can't help with that."),
    "a refusal in words": (answer("I'm sorry, but I can't assist with that."), "refusal", 2, "I'm sorry"),
    "a filter": (answer("", finish="content_filter"), "content_filter", 1, "content filter"),
    "nothing": (answer(""), "empty", 2, "the answer was empty"),
}


@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("kind", NAMED)
def test_an_answer_that_is_none_is_called_by_its_name_and_not_paid_three_times(
    thinking: Callable[..., Any], kind: str, tools: bool
) -> None:
    given, code, calls, words = NAMED[kind]
    with ScriptedEndpoint(otherwise=lambda _r: given) as endpoint:
        at = thinking(endpoint, planner={"tools": tools})
        assert at.think() == []
        limits = [request["max_completion_tokens"] for request in endpoint.requests]
    assert at.problems == {code: calls}
    assert words in at.messages[0]
    raised = code in {"length", "invalid_tool_call"}
    assert limits == ([8000, 16000] if raised else [8000] * calls)


def test_an_answer_that_fits_the_second_time_is_used(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint([NAMED["cut off while reasoning"][0], THREE]) as endpoint:
        at = thinking(endpoint)
        assert len(at.think()) == 3
    assert at.problems == {"length": 1}


def test_a_model_that_refuses_three_thoughts_is_not_asked_again(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: NAMED["a filter"][0]) as endpoint:
        at = thinking(endpoint)
        at.think(3)
        assert len(endpoint.requests) == 3
    assert at.planner.done
    assert at.problems == {"content_filter": 3}
    assert "not asked again" in at.notices[-1]


def test_who_only_looks_around_is_told_and_then_forced_to_propose(thinking: Callable[..., Any]) -> None:
    def look(request: dict[str, Any]) -> Reply:
        return THREE if "tool_choice" in request else tool_call("history", {})

    with ScriptedEndpoint(otherwise=look) as endpoint:
        at = thinking(endpoint, {"thought_steps": 5})
        assert len(at.think()) == 3
        asked = endpoint.requests
    assert len(asked) == 5
    assert [request.get("tool_choice") for request in asked[:4]] == [None] * 4
    assert asked[4]["tool_choice"]["function"]["name"] == "propose"
    assert "2 calls left" in at.told(3)
    assert "1 call left" in at.told(4)
    assert "left in this thought" not in at.told(2)


def test_a_thought_without_a_proposal_ends_at_its_last_step(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: tool_call("history", {})) as endpoint:
        at = thinking(endpoint, {"thought_steps": 4})
        assert at.think() == []
        assert len(endpoint.requests) == 4
    assert at.problems == {"no_proposal": 1}
    assert "model.thought_steps" in at.messages[0]


MISTAKES: dict[str, Reply] = {
    "a tool that does not exist": tool_call("run_benchmark", {"n": 4}),
    "arguments of the wrong type": tool_call("history", {"count": "all"}),
    "the same forbidden idea": propose(idea({**IDEA, "mode": "fast", "n": 40})),
    "no configuration at all": tool_call("propose", {"proposals": ["x"]}),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_three_equal_mistakes_end_a_thought(thinking: Callable[..., Any], kind: str) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: MISTAKES[kind]) as endpoint:
        at = thinking(endpoint)
        assert at.think() == []
        assert len(endpoint.requests) == 3
    assert at.problems["no_proposal"] == 1
    assert "the same mistake 3 times" in at.messages[-1]


@pytest.mark.parametrize("reported", [(3000, 1000), (1, 1), (-5, -5)])
def test_no_thought_uses_more_than_its_tokens(thinking: Callable[..., Any], reported: tuple[int, int]) -> None:
    looking = reply({"tool_calls": [call("history", {})]}, usage=usage(*reported))
    with ScriptedEndpoint(otherwise=lambda _r: looking) as endpoint:
        at = thinking(endpoint, {"thought_tokens": 12_000, "thought_steps": 50})
        assert at.think() == []
        limits = [request["max_completion_tokens"] for request in endpoint.requests]
    spent = at.ledger.spent["input_tokens"] + at.ledger.spent["output_tokens"]
    assert spent <= 12_000
    if reported == (3000, 1000):
        assert limits == [8000, 5000, 1000], "each call leaves room for an input like the last one"
        assert "raise model.thought_tokens" in at.messages[-1]
        assert at.problems == {"thought_spent": 1}
    assert limits == sorted(limits, reverse=True)


def test_a_thought_has_its_tokens_anew(thinking: Callable[..., Any]) -> None:
    looking = reply({"tool_calls": [call("history", {})]}, usage=usage(3000, 1000))
    with ScriptedEndpoint(otherwise=lambda _r: looking) as endpoint:
        at = thinking(endpoint, {"thought_tokens": 12_000})
        at.think(2)
        assert len(endpoint.requests) == 6


SETTINGS = ["temperature", "max_completion_tokens", "tool_choice"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_is_refused_is_left_out_and_remembered(thinking: Callable[..., Any], setting: str) -> None:
    def look(request: dict[str, Any]) -> Reply:
        return THREE if len(request["messages"]) > 3 else tool_call("history", {})

    with ScriptedEndpoint(otherwise=refusing(setting, look)) as endpoint:
        at = thinking(endpoint, {"thought_steps": 2})
        assert len(at.think()) == 3
        asked = len(endpoint.requests)
        assert setting not in endpoint.requests[-1]
        assert any(f"refuses the setting '{setting}'" in note for note in at.notices)
        if setting == "max_completion_tokens":
            assert endpoint.requests[-1]["max_tokens"] == 8000
        again = thinking(endpoint, {"thought_steps": 2})
        assert len(again.think()) == 3
        assert not any(setting in request for request in endpoint.requests[asked:])
    assert at.outcomes.count("bad_request") == 1
    assert at.problems == {}
    assert again.outcomes.count("bad_request") == 0


def test_an_endpoint_without_tools_is_asked_in_one_prompt_and_remembered_so(thinking: Callable[..., Any]) -> None:
    in_text = refusing("tools", lambda _request: answer(text(idea(), idea(OTHER), idea(THIRD))))
    with ScriptedEndpoint(otherwise=in_text) as endpoint:
        assert len(thinking(endpoint).think()) == 3
        assert "response_format" in endpoint.requests[-1]
        asked = len(endpoint.requests)
        assert len(thinking(endpoint).think()) == 3
        assert not any("tools" in request for request in endpoint.requests[asked:])


def test_a_schema_that_is_refused_is_asked_for_in_words(thinking: Callable[..., Any]) -> None:
    otherwise = refusing("response_format", lambda _request: answer(text(idea(), idea(OTHER), idea(THIRD))))
    with ScriptedEndpoint(otherwise=otherwise) as endpoint:
        at = thinking(endpoint, planner={"prompts": "centaur"})
        assert at.think() != []
    assert at.outcomes == ["bad_request", "ok"]


@pytest.mark.parametrize("status", [400, 500, 429, 401])
def test_an_error_is_never_kept_as_a_capability(thinking: Callable[..., Any], status: int) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: failure(status, message="something about tools went wrong")) as endpoint:
        at = thinking(endpoint, {"retries": 0})
        assert at.think() == []
    store = at.planner.setup.store
    assert store is not None
    assert store.endpoint_facts(at.planner.resolved.endpoint) == (None, frozenset())


def test_a_bad_request_without_a_reason_is_tried_in_other_forms(thinking: Callable[..., Any]) -> None:
    def picky(request: dict[str, Any]) -> Reply:
        return failure(400) if "tools" in request or "response_format" in request else answer(text(idea(), idea(OTHER)))

    with ScriptedEndpoint(otherwise=picky) as endpoint:
        at = thinking(endpoint)
        assert len(at.think()) == 2
        assert len(at.think()) == 2
        assert len(endpoint.requests) == 4, "the second thought knows the form"
        store = at.planner.setup.store
        assert store is not None
        assert store.endpoint_facts(at.planner.resolved.endpoint) == (None, frozenset()), "but nothing was learnt"


def test_a_limit_that_is_too_large_is_lowered(thinking: Callable[..., Any]) -> None:
    def small(request: dict[str, Any]) -> Reply:
        if request["max_completion_tokens"] > 2048:
            return failure(400, message="max_tokens is too large: 8000. This model supports at most 2048 tokens")
        return THREE

    with ScriptedEndpoint(otherwise=small) as endpoint:
        at = thinking(endpoint)
        assert len(at.think()) == 3
        assert [r["max_completion_tokens"] for r in endpoint.requests] == [8000, 4000, 2000]


def test_tools_that_are_answered_in_text_twice_are_not_offered_again(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: answer(text(idea(), idea(OTHER), idea(THIRD)))) as endpoint:
        at = thinking(endpoint)
        at.think(3)
        assert ["tools" in request for request in endpoint.requests] == [True, True, False]


def test_a_model_that_called_a_tool_is_known_to_call_tools(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: THREE) as endpoint:
        at = thinking(endpoint)
        at.think()
    store = at.planner.setup.store
    assert store is not None
    assert store.endpoint_facts(at.planner.resolved.endpoint) == ("tools", frozenset())


def test_every_thought_may_have_an_event_loop_of_its_own(thinking: Callable[..., Any]) -> None:
    with ScriptedEndpoint(otherwise=lambda _r: THREE) as endpoint:
        at = thinking(endpoint)
        for _ in range(3):
            assert len(at.think()) == 3
        assert len(endpoint.requests) == 3
    assert at.outcomes == ["ok"] * 3
