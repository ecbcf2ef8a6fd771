"""The rules about commands and {places}, and choices as study files write them: one mistake, one clear line."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.study.apply import render
from trimtab.agent.study.file import StudyFileError, parse_study
from trimtab.agent.testing import make_study, small_study

X = {"type": "int", "low": 1, "high": 8, "default": 2}


def problems(**sections: Any) -> list[str]:
    try:
        make_study(**{"forbidden": [], **sections})
    except StudyFileError as error:
        return [f"{each.field}: {each.message}" for each in error.problems]
    return []


def of_command(command: str | list[str], **evaluation: Any) -> list[str]:
    return problems(parameters={"x": X}, evaluation={"command": command, **evaluation})


@pytest.mark.parametrize(
    "command",
    [
        "true {x} | cat",
        "true {x} > out.txt",
        "true {x} 2>/dev/null",
        "true {x} 2>&1",
        "true {x} && true",
        "true {x} ; true",
        "true {x} $HOME",
        "true {x} --out=$OUT_DIR/a",
        "true {x} '`date`'",
        "true {x} ~/data",
        ["true", "{x}", "|", "cat"],
    ],
)
def test_what_only_a_shell_reads_is_said(command: str | list[str]) -> None:
    found = of_command(command)
    assert found
    assert all("there is no shell: set shell = true" in each for each in found)
    assert of_command(command, shell=False) == []


@pytest.mark.parametrize(
    "command",
    [
        "bash -c 'true {x} | cat $HOME'",
        ["env", "sh", "-ec", "true {x} > out", "|"],
        "true {x} 'a < b' x|y a&b 'SELECT 1;' <=3 '$1' --cost=${x}",
    ],
)
def test_words_that_only_look_like_a_shells_are_left_alone(command: str | list[str]) -> None:
    assert of_command(command) == []


def test_a_shell_is_a_choice_and_values_are_not_quoted_twice(tmp_path: Path) -> None:
    assert of_command("true {x} | cat > $OUT", shell=True) == []
    assert "stands inside quotes" in of_command("true '{x}' | cat", shell=True)[0]
    assert "one text" in of_command(["true", "{x}"], shell=True)[0]
    study = make_study(parameters={"x": X}, forbidden=[], evaluation={"command": "true {x} | cat", "shell": True})
    again = parse_study(study.model_dump(mode="json", exclude_none=True), tmp_path / "study.toml")
    assert again.evaluation == study.evaluation


@pytest.mark.parametrize(
    ("sections", "field", "word"),
    [
        ({"evaluation": {"command": "true {x} {wrker}"}}, "evaluation.command", "did you mean {worker}"),
        (
            {"evaluation": {"command": "true {x}", "environment": {"A": "{y}"}}},
            "evaluation.environment.A",
            "no parameter",
        ),
        (
            {"evaluation": {"command": "true {x}", "environment": {"A": "{"}}},
            "evaluation.environment.A",
            "write {{ and }}",
        ),
        ({"apply": {"template": "{worker}"}}, "apply.template", "{worker} is no parameter"),
        ({"derived": {"y": "x * 2", "z": "y + nn"}}, "derived.z", "unknown parameter 'nn'"),
        ({"derived": {"y": "z * 2", "z": "y + 1"}}, "derived", "y: derived values form a circle: z -> y -> z"),
        ({"derived": {"x": "1 + 1"}}, "derived.x", "parameter of this name"),
        ({"derived": {"min": "x + 1"}}, "derived.min", "meaning of its own"),
        ({"derived": {"y": "x +"}}, "derived.y", "not an expression"),
        ({"derived": {"y": "x and 1"}}, "derived.y", "needs a bool"),
        ({"derived": {"y": "2 * 3"}}, "derived.y", "names no parameter"),
        ({"parameters": {"class": X}}, "parameters.class", "meaning of its own"),
    ],
)
def test_every_place_and_derived_value_is_checked(sections: dict[str, Any], field: str, word: str) -> None:
    found = problems(**{"parameters": {"x": X}, "evaluation": {"command": "true {x}"}, **sections})
    mine = [each for each in found if each.startswith(f"{field}: ")]
    assert len(mine) == 1
    assert word in mine[0]


def test_a_file_names_the_line_of_an_unknown_place(tmp_path: Path) -> None:
    text = '[evaluation]\ncommand = "true"\n[evaluation.environment]\nA = "1"\nB = "{nothing}"\n'
    data = small_study(evaluation={"environment": {"A": "1", "B": "{nothing}"}})
    with pytest.raises(StudyFileError) as caught:
        parse_study(data, tmp_path / "study.toml", text)
    assert str(caught.value).startswith(f"{tmp_path / 'study.toml'}:5: evaluation.environment.B: {{nothing}} is no")


def test_a_parameter_counts_as_used_where_it_has_an_effect() -> None:
    on = {"type": "bool", "default": False}
    child = {**X, "when": "on"}
    assert of_command("true") == []
    used = {"x": X, "on": on, "child": child}
    assert problems(parameters=used, evaluation={"command": "true {x} {child}"}) == []
    by_environment = {"command": "true {x} {child}", "environment": {"ON": "{on}"}}
    assert problems(parameters={**used, "child": X}, evaluation=by_environment) == []
    derived = {"twice": "x * 2", "more": "twice + 1"}
    assert problems(parameters=used, derived=derived, evaluation={"command": "true {more} {child}"}) == []
    unused = problems(parameters={"x": X, "on": on}, evaluation={"command": "true {x}"})
    assert unused == [
        "evaluation.command: {on} is nowhere in it, so it would have no effect (or read them all from $TRIMTAB_JOB)"
    ]


def test_a_program_that_may_not_be_run_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "bench.sh").write_text("#!/bin/sh\n")
    for command, word in (("{study_dir}/bench.sh {x}", "chmod +x"), ("{study_dir}/bnch.sh {x}", "was not found")):
        with pytest.raises(StudyFileError, match=word.replace("+", "[+]")):
            parse_study(
                small_study(parameters={"x": X}, forbidden=[], evaluation={"command": command}), tmp_path / "s.toml"
            )


SWITCH = {"type": "bool", "default": False, "flag": "--delta"}


@pytest.mark.parametrize(
    ("parameter", "word"),
    [
        ({**SWITCH, "true_word": "on"}, "go without it"),
        ({**SWITCH, "flag": "--a b"}, "not one word"),
        ({"type": "bool", "default": False, "true_word": "x", "false_word": "x"}, "nothing could be told apart"),
        ({"type": "categorical", "choices": [1, True], "default": 1}, "repeats"),
        ({"type": "categorical", "choices": [[1], [1.0]], "default": 1}, "not one of choices"),
        ({"type": "categorical", "choices": [0, 1], "default": True}, "not one of choices"),
    ],
)
def test_mistakes_in_switches_and_choices_are_named(parameter: dict[str, Any], word: str) -> None:
    assert any(word in each for each in problems(parameters={"x": parameter}, evaluation={"command": "true {x}"}))


def test_what_may_be_no_word_or_several_stands_alone() -> None:
    for parameter in (SWITCH, {"type": "categorical", "choices": ["a b"], "default": "a b", "split": True}):
        assert problems(parameters={"x": parameter}, evaluation={"command": "true {x}"}) == []
        (found,) = problems(parameters={"x": parameter}, evaluation={"command": "true --x={x}"})
        assert "needs a word of its own" in found


MIXED = {"type": "categorical", "choices": ["auto", 1, 2, [64], [64, 32]], "default": "auto", "join": "x"}


@pytest.mark.parametrize(
    ("given", "used", "why"),
    [
        ("auto", "auto", ""),
        ("AUTO", "auto", "parsed"),
        (2, 2, ""),
        ("2", 2, "parsed"),
        (7, 2, "nearest"),
        ([64, 32], "[64, 32]", ""),
        ("[64, 32]", "[64, 32]", ""),
        ([1, 2, 3], "auto", "not one of the choices"),
        ("what", "auto", "not one of the choices"),
        (None, "auto", "default"),
    ],
)
def test_mixed_choices_are_mended_by_kind(given: object, used: object, why: str) -> None:
    study = make_study(parameters={"x": MIXED}, forbidden=[], evaluation={"command": "true {x}"})
    repaired = study.space.repair({"x": given})
    assert repaired.configuration == {"x": used}
    assert [why in change.why for change in repaired.changes] == ([True] if why else [])


def test_lists_are_lists_for_models_files_and_people_and_survive_the_store(tmp_path: Path) -> None:
    study = make_study(parameters={"x": MIXED}, forbidden=[], evaluation={"command": "true {x}"})
    assert study.space.json_schema()["properties"]["x"] == {"enum": ["auto", 1, 2, [64], [64, 32]]}
    assert json.loads(render(study, {"x": "[64, 32]"})) == {"x": [64, 32]}
    assert study.wording.fill(["{x}"], {"x": "[64, 32]"}) == ["64x32"]
    again = parse_study(json.loads(study.model_dump_json(exclude_none=True)), tmp_path / "study.toml")
    assert again.model_dump() == study.model_dump()
    assert again.wording == study.wording
    clauses = [{"when": "x == [64, 32] or x in ['auto', [64]] and x != 2", "reason": "no"}]
    where = {"x": {**MIXED, "default": 2}}
    space = make_study(parameters=where, forbidden=clauses, evaluation={"command": "true {x}"}).space
    assert [space.violated({"x": value}) is None for value in ("auto", 1, 2, "[64]", "[64, 32]")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert (
        "did you mean '[64, 32]'"
        in problems(
            parameters=where, forbidden=[{"when": "x == [64, 33]", "reason": "no"}], evaluation={"command": "true {x}"}
        )[0]
    )


@pytest.mark.parametrize(("word", "wrong"), [
    ("app.ini", ""), ("./app.ini", ""), ("{work_dir}/app.ini", ""),
    ("{study_dir}/app.ini", "the file as it stands, without the trial's values: write app.ini"),
    ("other.ini", "runs in an empty directory: write {study_dir}/other.ini"),
])  # fmt: skip
def test_a_file_that_is_written_before_each_evaluation_is_named_as_it_is(tmp_path: Path, word: str, wrong: str) -> None:
    for name in ("app.ini", "other.ini"):
        (tmp_path / name).write_text("[cache]\nsize = 2\n")
    sections = {
        "parameters": {"x": X},
        "forbidden": [],
        "files": {"app.ini": {"base": "app.ini", "set": {"cache.size": "{x}"}}},
        "evaluation": {"command": ["true", word]},
    }
    found: list[str] = []
    try:
        parse_study(small_study(**sections), tmp_path / "study.toml")
    except StudyFileError as error:
        found = [each.message for each in error.problems]
    assert [wrong in each for each in found] == ([True] if wrong else [])
