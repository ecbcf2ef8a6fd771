from pathlib import Path

import pytest

from trimtab.agent.study.approval import Rule, decide
from trimtab.agent.study.file import StudyFileError, parse_study

STUDY = {
    "study": {"name": "quick"},
    "parameters": {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}},
    "objectives": [{"metric": "loss", "direction": "minimize"}],
    "evaluation": {"command": "echo {x}"},
}


def test_the_first_rule_that_matches_decides_and_the_end_is_a_refusal() -> None:
    policy = (
        Rule(tool="set_budget", decide="refuse", reason="it is fixed"),
        Rule(tool="set_*", decide="ask"),
        Rule(tool="*_study", decide="allow"),
    )
    decisions = {name: decide(policy, name).decide for name in ("set_budget", "set_model", "stop_study", "history")}
    assert decisions == {"set_budget": "refuse", "set_model": "ask", "stop_study": "allow", "history": "refuse"}
    assert decide(policy, "history").reason
    assert decide((), "anything").decide == "refuse"


def test_rules_about_files_and_lines_hold_for_edits_only_and_for_each_file() -> None:
    policy = (
        Rule(tool="edit", path="core/*", decide="refuse", reason="the core stays"),
        Rule(tool="edit", max_lines=5, decide="allow"),
        Rule(tool="edit", path="*.py", decide="ask"),
        Rule(tool="propose", decide="allow"),
    )
    assert decide(policy, "propose").decide == "allow"
    assert decide(policy, "edit", {"a.py": 5}).decide == "allow"
    assert decide(policy, "edit", {"a.py": 3, "b.py": 3}).decide == "ask"  # lines count over all files
    assert decide(policy, "edit", {"a.py": 1, "core/b.py": 1}).reason == "the core stays"
    assert decide(policy, "edit", {"a.c": 6}).decide == "refuse"
    assert decide(policy, "edit").decide == "refuse"  # nothing is known of what it changes
    assert decide(policy, "edit", {"core/b.py": 1}).words == "refuse edit core/*: the core stays"
    assert Rule(tool="edit", max_lines=5, decide="allow").words == "allow edit up to 5 lines"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"tool": "read", "decide": "allow"}, "'read' is nothing that a planner does"),
        ({"tool": "propose", "path": "*.py", "decide": "allow"}, "neither files nor lines"),
        ({"tool": "propose", "max_lines": 3, "decide": "allow"}, "neither files nor lines"),
        ({"tool": "edit", "decide": "perhaps"}, "approval.rules"),
    ],
)
def test_a_rule_that_can_mean_nothing_is_a_mistake_in_the_study_file(rule: dict[str, object], said: str) -> None:
    parse_study(STUDY | {"approval": {"rules": [{"tool": "edit", "path": "*", "decide": "ask"}]}}, Path("s.toml"))
    with pytest.raises(StudyFileError, match=said):
        parse_study(STUDY | {"approval": {"rules": [rule]}}, Path("s.toml"))
