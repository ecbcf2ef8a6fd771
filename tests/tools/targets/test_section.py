"""The [target] section: kinds, shorthand, and mistakes in words."""

from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.study.file import StudyFileError, load_study, parse_study
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import small_study
from trimtab.tools.targets.command import CommandTarget
from trimtab.tools.targets.kinds import build_target
from trimtab.tools.targets.preparation.hooks import Hooked
from trimtab.tools.targets.section import CommandSection, PythonSection, shorthand

WORDS = ["true", "{x}", "{n}", "{mode}", "{burst}"]


def study(folder: Path, target: Any, **evaluation: Any) -> Study:
    data = {**small_study(), "target": target, "evaluation": evaluation}
    return parse_study(data, folder / "study.toml")


def test_a_command_may_be_said_in_either_place(tmp_path: Path) -> None:
    fields = {"command": WORDS, "network": True, "environment": {"A": "{x}"}, "patterns": {"loss": "(.*)"}}
    old = parse_study({**small_study(), "evaluation": {**fields, "workers": 2}}, tmp_path / "study.toml")
    new = study(tmp_path, {"kind": "command", **fields}, workers=2)
    assert new.program == old.program == old.evaluation
    assert new.target == shorthand(old.evaluation)
    assert isinstance(new.target, CommandSection)
    assert (new.place_of("command"), old.place_of("command")) == (("target", "command"), ("evaluation", "command"))


def test_a_function_may_be_said_in_either_place(tmp_path: Path) -> None:
    (tmp_path / "model.py").touch()
    old = parse_study({**small_study(), "evaluation": {"python": "model:train"}}, tmp_path / "study.toml")
    new = study(tmp_path, {"kind": "python", "python": "model:train"})
    assert new.program == old.program
    assert isinstance(new.target, PythonSection)
    assert new.target == shorthand(old.evaluation)


def test_a_file_with_a_target_needs_no_evaluation_section(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "s"\n[parameters.x]\ntype = "int"\nlow = 0\nhigh = 1\ndefault = 0\n[[objectives]]\n'
        'metric = "loss"\ndirection = "minimize"\n[target]\nkind = "command"\ncommand = "true {x}"\nsetup = "true {worker}"\n'
    )
    loaded = load_study(tmp_path / "study.toml")
    assert loaded.program.command == ["true", "{x}"]
    assert loaded.target is not None
    assert loaded.target.hooks == ["setup"]


def test_it_comes_back_from_what_is_stored(tmp_path: Path) -> None:
    hooks = {"setup": "true {worker}", "teardown": {"command": ["true"], "timeout_s": 5}}
    given = study(tmp_path, {"kind": "command", "command": WORDS, **hooks})
    for shown in (given.model_dump(mode="json"), given.model_dump(mode="json", exclude_defaults=True)):
        assert Study.model_validate(shown).target == given.target


WRONG = {
    "no kind": ({"command": WORDS}, "target: missing: add kind = one of 'command', 'python'"),
    "unknown kind": (
        {"kind": "comand"},
        "target: kind = 'comand' is not one of 'command', 'python', 'postgresql', 'redis'; did you mean 'command'?",
    ),
    "unknown field": ({"kind": "command", "comand": WORDS}, "target.comand: unknown field; did you mean 'command'?"),
    "no command": ({"kind": "command"}, "target: missing: add command = '...'"),
    "no function": ({"kind": "python"}, "target: missing: add python = 'module:function'"),
    "no table": ("command", "target: must be a table, not 'command'"),
    "other kind's field": ({"kind": "python", "python": "a:b", "command": "x"}, "target.command: unknown field"),
    "empty hook": ({"kind": "command", "command": WORDS, "setup": []}, "target.setup.command: "),
    "unclosed quote": ({"kind": "command", "command": WORDS, "setup": "a 'b"}, "target.setup.command: cannot be split"),
    "unknown place": (
        {"kind": "command", "command": WORDS, "setup": "true {x}"},
        "target.setup: {x} is nothing that setup knows",
    ),
    "misspelt place": (
        {"kind": "command", "command": WORDS, "before": "true {sed}"},
        "target.before: {sed} is nothing that before knows; did you mean {seed}?",
    ),
    "bad place": ({"kind": "command", "command": WORDS, "after": "true {x"}, "target.after: "),
    "unknown parameter": ({"kind": "command", "command": ["true", "{y}"]}, "target.command: {y} is no parameter"),
    "no module": ({"kind": "python", "python": "none:train"}, "target.python: there is no none.py"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_told_where_they_are(tmp_path: Path, name: str) -> None:
    target, message = WRONG[name]
    with pytest.raises(StudyFileError) as told:
        study(tmp_path, target)
    assert message in str(told.value)


def test_what_is_run_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"evaluation\.command: belongs to \[target\] where there is one"):
        study(tmp_path, {"kind": "command", "command": WORDS}, command=WORDS)
    with pytest.raises(StudyFileError, match=r"evaluation\.network: belongs to \[target\]"):
        study(tmp_path, {"kind": "command", "command": WORDS}, network=True)
    with pytest.raises(StudyFileError, match=r"evaluation: give either command .* or a \[target\]"):
        parse_study({**small_study(), "evaluation": {}}, tmp_path / "study.toml")


def test_the_schema_shows_every_kind_and_needs_no_evaluation_section() -> None:
    schema = Study.model_json_schema()
    kinds = {
        fields["properties"]["kind"].get("const")
        for name, fields in schema["$defs"].items()
        if "kind" in fields.get("properties", {})
    }
    assert {"command", "python"} <= kinds
    assert "evaluation" not in schema["required"]
    assert "objectives" in schema["required"]


def test_hooks_are_put_around_a_target_only_where_there_are_some(tmp_path: Path) -> None:
    from trimtab.tools.sandbox import choose_sandbox
    from trimtab.tools.targets import Evaluation, Workplace

    place = Workplace(choose_sandbox(), tmp_path)
    plain = build_target(Evaluation(command=["true"]), place)
    hooked = build_target(Evaluation(), place, CommandSection(kind="command", command=["true"], setup=["true"]))
    assert isinstance(plain, CommandTarget)
    assert isinstance(hooked, Hooked)
    assert hooked.restore_s == plain.restore_s
