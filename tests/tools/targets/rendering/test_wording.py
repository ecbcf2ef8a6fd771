"""How values are written into commands, the environment, files and a shell's text."""

import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.expressions import Value
from trimtab.tools.targets.rendering.wording import Form, Wording, quoted_place

WORDING = Wording(
    forms={
        "delta": Form(true_word="--delta", false_word="", alone=True),
        "cache": Form(true_word="on", false_word="off"),
        "extra": Form(split=True),
        "level": Form(flag="--level"),
        "kind": Form(flag="--kind="),
        "joined": Form(lists=("[64, 32]",), join=","),
        "json": Form(lists=("[64, 32]", '["a b", true]')),
        "members": Form(lists=("[64, 32]", '["a b", true]'), split=True),
        "flagged": Form(flag="-o", split=True),
    },
    derived={"local": "m * n * 4", "half": "local / 2", "ratio": "m / n"},
)


@pytest.mark.parametrize(
    ("word", "values", "words"),
    [
        ("{delta}", {"delta": True}, ["--delta"]),
        ("{delta}", {"delta": False}, []),
        ("--cache={cache}", {"cache": True}, ["--cache=on"]),
        ("--cache={cache}", {"cache": False}, ["--cache=off"]),
        ("{extra}", {"extra": "-O3 -march='a b'"}, ["-O3", "-march=a b"]),
        ("{extra}", {"extra": ""}, []),
        ("--extra={plain}", {"plain": ""}, ["--extra="]),
        ("{plain}", {"plain": ""}, []),
        ("{a}{b}", {"a": "", "b": ""}, []),
        ("{level}", {"level": 3}, ["--level", "3"]),
        ("{level}", {"level": ""}, []),
        ("{kind}", {"kind": "x y"}, ["--kind=x y"]),
        ("--units={joined}", {"joined": "[64, 32]"}, ["--units=64,32"]),
        ("{json}", {"json": "[64, 32]"}, ["[64, 32]"]),
        ("{members}", {"members": "[64, 32]"}, ["64", "32"]),
        ("{members}", {"members": '["a b", true]'}, ["a b", "true"]),
        ("{flagged}", {"flagged": "a b"}, ["-o", "a", "b"]),
        ("--x={x}", {}, []),
        ("", {}, [""]),
        ("{{x}}", {}, ["{x}"]),
        ("{x}", {"x": 2.0}, ["2.0"]),
        ("{x}", {"x": 1e-6}, ["1e-06"]),
        ("{x}", {"x": 27}, ["27"]),
    ],
)
def test_a_word_becomes_none_one_or_several(word: str, values: Mapping[str, Value], words: list[str]) -> None:
    assert WORDING.fill([word], values) == words


def test_derived_values_follow_in_any_order_and_are_whole_where_they_can_be() -> None:
    assert WORDING.complete({"m": 4, "n": 8}) == {"m": 4, "n": 8, "local": 128, "half": 64, "ratio": 0.5}
    assert repr(WORDING.complete({"m": 4, "n": 8})["half"]) == "64"
    assert WORDING.complete({"m": 4}) == {"m": 4}
    with pytest.raises(ArithmeticError, match="m / n has no value"):
        WORDING.complete({"m": 4, "n": 0})


def test_lines_and_variables_that_name_what_is_not_there_are_left_out() -> None:
    template = "a = {a}\n\nb = {b}\n{delta}\n# {{c}}"
    assert WORDING.lines(template, {"a": 1, "delta": False}) == ["a = 1", "", "# {c}"]
    variables = {"OMP": "{a}", "NONE": "{b}", "FIXED": "1", "FLAGS": "{delta} {level}"}
    found = WORDING.environment(variables, {"a": 8, "delta": True, "level": 2})
    assert found == {"OMP": "8", "FIXED": "1", "FLAGS": "--delta --level 2"}


def test_programs_get_lists_as_lists() -> None:
    assert WORDING.plain({"json": "[64, 32]", "x": "[64, 32]", "m": 1}) == {"json": [64, 32], "x": "[64, 32]", "m": 1}


def shell(text: str, values: Mapping[str, Value]) -> str:
    written = WORDING.shell(text, values)
    return subprocess.run(["/bin/sh", "-c", written], capture_output=True, text=True, check=True).stdout


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=12))
def test_a_shell_never_reads_a_value(value: str) -> None:
    assert shell("printf %s {plain} | cat", {"plain": value or "-"}) == (value or "-")
    assert shell("printf %s --a={plain}x", {"plain": value}) == f"--a={value}x"


def test_words_of_a_shell_are_left_out_and_split_like_those_of_a_command() -> None:
    text = "printf '[%s]' x{{y}} {delta} --n={n} {extra} \"a $HOME\" 2>&1 && echo ' {{z}}'"
    written = WORDING.shell(text, {"delta": False, "extra": "-a '; b'"})
    assert written == "printf '[%s]' x{y}   -a '; b' \"a $HOME\" 2>&1 && echo ' {z}'"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("echo '{x}'", "x"),
        ('echo "a {x}"', "x"),
        ("echo {x} 'a'", None),
        ("echo \\'{x}\\'", None),
        ("echo '{{x}}'", None),
    ],
)
def test_a_place_inside_quotes_is_found(text: str, name: str | None) -> None:
    assert quoted_place(text) == name
