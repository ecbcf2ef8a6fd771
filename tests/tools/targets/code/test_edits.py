"""Exact edits: made as they are given, all or none, or refused with what their author can act on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.trials.candidate import Candidate
from trimtab.tools.targets.code.edits import (
    MOST_SEARCHED,
    Edit,
    EditError,
    Rules,
    apply,
    difference,
    edits_in,
    edits_of,
    patch_of,
    regions_in,
)
from trimtab.tools.targets.code.syntax import mistake, normal

TEXT = """import sys


def slow(n):
    total = 0
    for i in range(n):
        total += i
    return total


def other(n):
    total = 0
    return total
"""
FILES = {"a.py": TEXT, "b.c": "int main() { return 0; } // end\n"}
RULES = Rules(FILES, 1, 10)


def refused(edits: list[Edit], rules: Rules = RULES) -> str:
    with pytest.raises(EditError) as error:
        patch_of(edits, rules)
    return str(error.value)


def test_text_that_stands_once_is_replaced_and_nothing_else_changes() -> None:
    after = apply(
        [Edit("a.py", "    return n * (n - 1) // 2\n", search="    total = 0\n    for i in range(n):\n")], FILES
    )
    assert after["a.py"].count("n * (n - 1) // 2") == 1
    assert after["a.py"].startswith("import sys\n\n\ndef slow(n):\n    return n")
    assert after["b.c"] is FILES["b.c"]


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("    total = 0\n", "stands 2 times in a.py, on lines 5, 12"),
        (
            "    total = 0\n    for i in range(n + 1):\n",
            "line 2 of it is 'for i in range(n + 1):', but a.py:6 is 'for i",
        ),
        ("    totl = 0\n", "the nearest lines are 5: total = 0"),
        ("zzzzzzzz", "does not stand in a.py"),
    ],
)
def test_what_does_not_fit_exactly_is_refused_with_where_it_differs(search: str, words: str) -> None:
    assert words in refused([Edit("a.py", "x = 1", search=search)])


def test_several_are_made_all_or_none_and_in_order() -> None:
    first = Edit("a.py", "def slow(m):\n", search="def slow(n):\n")
    second = Edit("a.py", "def quick(m):\n", search="def slow(m):\n")
    assert "def quick(m)" in apply([first, second], FILES)["a.py"]
    assert "edit 3" in refused([first, second, first])
    assert "edit 1" in refused([second, first])
    assert "def slow(n)" in FILES["a.py"]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([Edit("a.py", "def slow(n:\n", search="def slow(n):\n")], "a.py:4: "),
        ([Edit("a.py", "x = 1\n" * 11, search="import sys\n")], "11 lines are put in (code.max_lines = 10)"),
        (
            [Edit("a.py", "import os\n", search="import sys\n"), Edit("b.c", "return 1", search="return 0")],
            "2 files are changed (code.max_files = 1)",
        ),
    ],
)
def test_size_and_syntax_are_looked_at_before_anything_is_measured(edits: list[Edit], words: str) -> None:
    assert words in refused(edits)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "no edit was given"),
        ("nothing", "neither JSON nor blocks"),
        ([{"file": "c.py", "search": "x", "replace": "y"}], "'c.py' may not be edited (may be: a.py, b.c)"),
        ([{"file": "../a.py", "search": "x", "replace": "y"}], "may not be edited"),
        ([{"file": "a.py", "search": "  \n", "replace": "y"}], "its search is empty"),
        ([{"file": "a.py", "search": "x"}], "search and replace must be text"),
        ([{"file": "a.py", "search": "x\n" * (MOST_SEARCHED + 1), "replace": ""}], "more than 25 lines"),
        ([7], "is no object"),
        ([{"file": "a.py", "search": "x", "replace": "y"}] * 21, "too many"),
    ],
)
def test_edits_that_are_not_whole_are_refused(given: object, words: str) -> None:
    with pytest.raises(EditError) as error:
        edits_in(given, ["a.py", "b.c"])
    assert words in str(error.value)


def test_edits_are_read_in_the_forms_in_which_models_give_them() -> None:
    wanted = [Edit("a.py", "two\n", search="one\n")]
    data = {"file": "./a.py", "search": "one\n", "replace": "two\n"}
    block = "a.py\n```python\n<<<<<<< SEARCH\none\n=======\ntwo\n>>>>>>> REPLACE\n```"
    for form in ([data], data, {"edits": [data]}, json.dumps([data]), block):
        assert edits_in(form, ["a.py"]) == wanted
    assert edits_in([{"search": "one\n", "replace": "two\n"}], ["a.py"]) == wanted


MARKED = "a = 1\n# trimtab: begin core\nb = 2\n# trimtab: end core\nc = 3\n"


def test_only_what_stands_between_marks_is_edited() -> None:
    rules = Rules({"m.py": MARKED}, 1, 10)
    assert patch_of([Edit("m.py", "b = 3\n", search="b = 2\n")], rules) is not None
    assert "m.py:1 is outside of what may be edited (regions: core)" in refused(
        [Edit("m.py", "a = 2", search="a = 1")], rules
    )
    assert "is outside" in refused([Edit("m.py", "b = 2", search="a = 1\n# trimtab: begin core\nb = 2")], rules)
    assert "marks of regions stay" in refused([Edit("m.py", "# trimtab: end core\n", search="b = 2\n")], rules)
    assert "has no region 'x' (has core)" in refused([Edit("m.py", "b", region="x")], rules)
    whole = apply([Edit("m.py", "b = 5", region="core")], {"m.py": MARKED})["m.py"]
    assert whole == MARKED.replace("b = 2\n", "b = 5\n")
    assert apply([Edit("a.py", "x = 1", region="*")], FILES)["a.py"] == "x = 1\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# trimtab: begin a\n", "has no end"),
        ("# trimtab: end a\n", "did not begin"),
        ("# trimtab: begin a\n# trimtab: begin b\n", "inside of another"),
        ("# trimtab: begin a\n# trimtab: end a\n# trimtab: begin a\n# trimtab: end a\n", "twice"),
    ],
)
def test_marks_that_do_not_fit_together_are_told(text: str, words: str) -> None:
    with pytest.raises(EditError, match=words):
        regions_in(text)


def test_line_ends_of_the_file_are_kept() -> None:
    after = apply([Edit("w.txt", "two\nthree\n", search="one\n")], {"w.txt": "zero\r\none\r\n"})
    assert after["w.txt"] == "zero\r\ntwo\r\nthree\r\n"


def test_near_duplicates_are_one_candidate_and_what_changes_nothing_is_no_patch() -> None:
    first = patch_of([Edit("a.py", "        total += i * 2\n", search="        total += i\n")], RULES)
    second = patch_of([Edit("a.py", "        total += (i*2)  # twice\n", search="        total += i\n")], RULES)
    third = patch_of([Edit("a.py", "        total += i * 3\n", search="        total += i\n")], RULES)
    assert Candidate({"x": 1}, first).key == Candidate({"x": 1}, second).key
    assert Candidate({"x": 1}, first).key != Candidate({"x": 1}, third).key
    assert Candidate({"x": 1}, first).key != Candidate({"x": 2}, first).key
    assert patch_of([Edit("a.py", "# a comment\nimport sys\n", search="import sys\n")], RULES) is None
    assert edits_of(first) == [Edit("a.py", "        total += i * 2\n", search="        total += i\n")]
    assert edits_of(None) == []
    with pytest.raises(EditError, match="damaged"):
        edits_of("{}")


def test_the_difference_is_one_that_git_takes() -> None:
    after = apply([Edit("a.py", "import os\n", search="import sys\n")], FILES)
    assert difference(FILES, after).startswith("--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n-import sys\n+import os\n")
    assert difference({"x": "a"}, {"x": "b"}).count("\\ No newline at end of file") == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.py", "def f(:\n", "x.py:1: "),
        ("x.py", "x = 1\n", ""),
        ("x.py", "x = '\0'", "x.py:"),
        ("x.json", "{", "x.json: "),
        ("x.toml", "a = ", "x.toml: "),
        ("x.c", "int main( {", ""),
    ],
)
def test_syntax_is_told_for_languages_that_are_known(name: str, text: str, words: str) -> None:
    found = mistake(name, text)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_layout_and_comments_are_no_difference() -> None:
    assert normal("x.py", "x = 1  # one\n") == normal("x.py", "x=1")
    assert normal("x.c", "a = 1; // one\n") == normal("x.c", "a = 1; /* 1 */")
    assert normal("x.c", 'f("// no comment");') != normal("x.c", 'f("");')
    assert normal("x.txt", "a  b\n") == normal("x.txt", "a b")


@given(st.lists(st.text(alphabet="ab\n", min_size=1, max_size=6), min_size=1, max_size=12), st.data())
def test_an_edit_changes_exactly_its_place(lines: list[str], data: st.DataObject) -> None:
    text = "".join(lines)
    start = data.draw(st.integers(0, len(text) - 1))
    search = text[start : data.draw(st.integers(start + 1, len(text)))]
    made = [Edit("f", "NEW", search=search)]
    if text.count(search) == 1:
        assert apply(made, {"f": text})["f"] == text.replace(search, "NEW")
    else:
        with pytest.raises(EditError):
            apply(made, {"f": text})
