"""Whatever a program or a model writes, what comes out here can be printed, stored, sent and opened."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.text import (
    cell,
    defused,
    fenced,
    fenced_block,
    is_name,
    neutral,
    neutral_line,
    one_line,
    plain,
    visible,
)

# Lone surrogates and what matters to terminals come far more often than by chance.
ODD = st.sampled_from(
    "\x1b\x07\x08\x9b\x9d\r\n\t\x00\x7f\x85\u2028\u202e\u200b\u2066\ufeff\ud800\udfff\U000e0041[]0;m\\<>`="
)
HOSTILE = st.lists(ODD | st.characters(exclude_categories=()), max_size=60).map("".join)
JSON = st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | HOSTILE, lambda x: st.lists(x, max_size=3) | st.dictionaries(HOSTILE, x, max_size=3), max_leaves=8)  # fmt: skip


@given(HOSTILE)
def test_plain_text_has_nothing_that_a_terminal_obeys_or_a_store_refuses(text: str) -> None:
    found = plain(text)
    assert all(each.isprintable() or each in "\n\t" for each in found)
    assert not {unicodedata.category(each) for each in found} & {"Cs", "Cf", "Zl", "Zp"}
    found.encode()
    assert plain(found) == found


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Sm")), max_size=60))
def test_letters_of_all_scripts_and_punctuation_stay(text: str) -> None:
    hidden = {"\u115f", "\u1160", "\u3164", "\uffa0"}  # letters that show nothing
    assert plain(text) == "".join(each for each in text if each not in hidden)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bPq\x9cafter", "after"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("50 %\x0b100 %\x85end", "50 %\n100 %\nend"),
        ("safe\u202etxt.exe", "safetxt.exe"),
        ("a\U000e0041\u200bb\ufe0f", "ab"),
        ("\ud83d", "\ufffd"),
        ("1\u00a0000", "1 000"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
    ],
)
def test_what_becomes_of_odd_text(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_many_unfinished_escapes_take_linear_time() -> None:
    for start in ("\x1b]", "\x1b[", "\x1bP", "\x9b0", "\x90", "\x1b"):
        plain(start * 200_000)


@given(HOSTILE, st.integers(10, 50))
def test_one_line_is_one_bounded_line(text: str, most: int) -> None:
    found = one_line(text, most)
    assert found.isprintable()
    assert len(found.splitlines()) <= 1
    assert len(found) <= most
    assert found == found.strip()


def test_a_long_line_says_that_it_was_cut() -> None:
    assert one_line("x" * 20, 20) == "x" * 20
    assert one_line("x" * 21, 20) == "x" * 17 + "..."


@given(HOSTILE)
def test_fenced_text_cannot_leave_its_fence(text: str) -> None:
    found = fenced(text)
    assert found.startswith("<untrusted>")
    assert found.endswith("</untrusted>")
    inside = found.removeprefix("<untrusted>").removesuffix("</untrusted>")
    assert not set(inside) & set("<>`\n")
    assert inside == defused(text)


@given(HOSTILE)
def test_a_block_ends_where_it_ends(text: str) -> None:
    first, *inside, last = fenced_block(text).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert all(first not in line for line in inside)
    assert "\n".join(inside) == plain(text)


@given(HOSTILE)
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    found = cell(text)
    assert isinstance(found, str)
    assert "\n" not in found
    try:
        float(found)
    except ValueError:
        assert found[:1] not in tuple("=+-@\t\r＝＋－＠")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("\t=1+1", "'=1+1"),
        ("-O2", "'-O2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝cmd", "'＝cmd"),
        ("-1.5", "-1.5"),
        ("+3e4", "+3e4"),
        (-1.5, -1.5),
        (True, True),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_cells(value: object, expected: object) -> None:
    assert cell(value) == expected


@pytest.mark.parametrize("name", ["loss", "p99 latency (µs)", "错误率", "a/b.c", "x" * 200])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " a", "a\nb", "\x1b[31mred", "x" * 201, "a\u202eb", "\ud800", "a  b", "\x00"])
def test_no_names(name: str) -> None:
    assert not is_name(name)


@given(JSON)
def test_neutral_data_is_as_it_was_but_for_its_text(data: object) -> None:
    for found in (neutral(data), neutral_line(data)):
        json.dumps(found, ensure_ascii=False).encode()
        assert neutral(found) == found
    assert "\\n" not in json.dumps(neutral_line(data))
    if not isinstance(data, str | dict | list):
        assert neutral(data) == data


def test_what_is_to_be_kept_stays_as_it_is() -> None:
    data = {"reason": "a\nb", "best": {"configuration": {"x\n": "a\nb"}, "why": "\x1bc"}}
    found = neutral_line(data, keep=("configuration",))
    assert found == {"reason": "a b", "best": {"configuration": {"x\n": "a\nb"}, "why": ""}}


def test_neutral_lines_keep_their_spaces() -> None:
    assert neutral_line({"a\nb": ["c  d\te", ("\x1b[1mf", 1)]}) == {"a b": ["c  d e", ["f", 1]]}


@given(HOSTILE)
def test_visible_text_shows_everything(text: str) -> None:
    found = visible(text)
    assert plain(found) == found
    assert found.count("\n") == text.endswith("\n")
    if found == text:
        assert plain(text) == text


def test_visible_text_names_what_it_replaces() -> None:
    assert visible("a\x1b[1m\r\n") == "a\\x1b[1m\\r\n"
    assert visible("a\tb\u202ec") == "a\\tb\\u202ec"
    assert visible("µs\n") == "µs\n"
