from concurrent.futures import Future

import pytest

from trimtab.agent.chat.approval import LOOKING, MODES, PRESETS, Mode, resolve
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.chat.tools import CHAT_TOOLS, offered
from trimtab.agent.study.approval import EDIT, PROPOSE, Rule, decide
from trimtab.tools.errors import InputError


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
        ("edits", EDIT, "ask"),
        ("auto", PROPOSE, "allow"),
        ("auto", EDIT, "allow"),
    ],
)
def test_what_the_modes_mean(mode: Mode, tool: str, decision: str) -> None:
    assert decide(PRESETS[mode], tool).decide == decision


def test_every_tool_of_a_conversation_has_a_decision_in_every_mode(control: StudyControl) -> None:
    names = set(offered(control))
    assert set(CHAT_TOOLS) < names
    assert all(decide(PRESETS[mode], name).decide != "refuse" for mode in MODES for name in names)
    assert {rule.tool for rule in LOOKING} <= names


def test_what_is_always_allowed_holds_for_one_study(control: StudyControl) -> None:
    control.mode = "ask"
    assert control.asks
    assert "no longer asked" in control.always_allow()
    assert not control.asks
    assert control.decision("set_budget").decide == "ask"
    control.draft({**control.known_study().model_dump(mode="json", exclude_none=True), "study": {"name": "other"}})
    assert control.asks


def test_the_rules_of_a_study_hold_beside_the_mode_and_the_stricter_one_stands(control: StudyControl) -> None:
    study = control.known_study()
    rules = [Rule(tool="edit", path="core/*", decide="refuse"), Rule(tool="edit", decide="ask"), Rule(decide="allow")]
    control.study = study.model_copy(update={"approval": study.approval.model_copy(update={"rules": rules})})

    def decided(tool: str, file: str) -> str:
        return control.decision(tool, {file: 1}).decide

    control.mode = "auto"
    assert (decided(EDIT, "core/a.py"), decided(EDIT, "b.py"), decided(PROPOSE, "b.py")) == ("refuse", "ask", "allow")
    assert control.decision("set_budget").decide == "allow"  # the rules are about what a planner proposes
    control.mode = "ask"
    assert control.decision(PROPOSE).decide == "ask"
    assert "edits of its program" in control.always_allow(EDIT)
    assert (decided(EDIT, "core/a.py"), decided(EDIT, "b.py"), decided(PROPOSE, "b.py")) == ("refuse", "allow", "ask")


def test_a_model_cannot_write_rules_that_allow_it_more(control: StudyControl) -> None:
    data = control.known_study().model_dump(mode="json", exclude_none=True)
    with pytest.raises(InputError, match="may not have approval"):
        control.draft({**data, "approval": {"rules": [{"decide": "allow"}]}})


def test_an_answer_that_comes_too_late_is_told_so() -> None:
    waiting: Future[str] = Future()
    assert resolve(waiting, "first")
    assert not resolve(waiting, "second")
    assert waiting.result() == "first"
    cancelled: Future[str] = Future()
    cancelled.cancel()
    assert not resolve(cancelled, "late")
