from concurrent.futures import Future

import pytest

from trimtab.agent.chat.approval import LOOKING, MODES, PRESETS, PROPOSE, Mode, Rule, decide, resolve
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.chat.tools import CHAT_TOOLS, offered


def test_the_first_rule_that_matches_decides_and_the_end_is_a_refusal() -> None:
    policy = (Rule("set_budget", "refuse", "it is fixed"), Rule("set_*", "ask"), Rule("*_study", "allow"))
    decisions = {name: decide(policy, name).decision for name in ("set_budget", "set_model", "stop_study", "history")}
    assert decisions == {"set_budget": "refuse", "set_model": "ask", "stop_study": "allow", "history": "refuse"}
    assert decide(policy, "history").reason
    assert decide((), "anything").decision == "refuse"


@pytest.mark.parametrize(
    ("mode", "tool", "decision"),
    [
        ("ask", PROPOSE, "ask"),
        ("ask", "set_budget", "ask"),
        ("ask", "try_configuration", "ask"),
        ("ask", "draft_study", "ask"),
        ("ask", "a_tool_of_somebody_else", "ask"),
        ("ask", "study_state", "allow"),
        ("ask", "history", "allow"),
        ("ask", "stop_study", "allow"),
        ("edits", PROPOSE, "allow"),
        ("edits", "edit_code", "ask"),
        ("auto", PROPOSE, "allow"),
        ("auto", "edit_code", "allow"),
    ],
)
def test_what_the_modes_mean(mode: Mode, tool: str, decision: str) -> None:
    assert decide(PRESETS[mode], tool).decision == decision


def test_every_tool_of_a_conversation_has_a_decision_in_every_mode(control: StudyControl) -> None:
    names = set(offered(control))
    assert set(CHAT_TOOLS) < names
    assert all(decide(PRESETS[mode], name).decision != "refuse" for mode in MODES for name in names)
    assert {rule.tools for rule in LOOKING} <= names


def test_what_is_always_allowed_holds_for_one_study(control: StudyControl) -> None:
    control.mode = "ask"
    assert control.asks
    assert "no longer asked" in control.always_allow()
    assert not control.asks
    assert control.decision("set_budget").decision == "ask"
    control.draft({**control.known_study().model_dump(mode="json", exclude_none=True), "study": {"name": "other"}})
    assert control.asks


def test_an_answer_that_comes_too_late_is_told_so() -> None:
    waiting: Future[str] = Future()
    assert resolve(waiting, "first")
    assert not resolve(waiting, "second")
    assert waiting.result() == "first"
    cancelled: Future[str] = Future()
    cancelled.cancel()
    assert not resolve(cancelled, "late")
