"""A journal is on the disk before what it tells of is changed, whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.targets import Journal
from trimtab.tools.targets.journal import JournalError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_another_process_reads_what_was_noted(tmp_path_factory: pytest.TempPathFactory, notes: dict[str, Any]) -> None:
    file = tmp_path_factory.mktemp("journals") / "study" / "0.json"
    journal = Journal(file, {"study": "s-1"})
    assert not file.exists()
    for name, value in notes.items():
        journal.note(name, value)
        assert Journal(file).notes[name] == value
    again = Journal(file)
    assert again.notes == notes
    assert again.header == ({"study": "s-1"} if notes else {})
    for name in notes:
        again.undone(name)
        again.undone(name)
        assert name not in Journal(file).notes
    assert not file.exists()


def test_how_it_was_first_is_what_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "0.json")
    journal.note("settings", "before")
    journal.note("settings", "changed by us")
    assert Journal(tmp_path / "0.json").notes == {"settings": "before"}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "study" / "0.json").note("password", "secret")
    assert (tmp_path / "study" / "0.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / "study").stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_is_not_noted(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("no folder")
    journal = Journal(tmp_path / "full" / "0.json")
    with pytest.raises(JournalError, match="cannot be written"):
        journal.note("settings", "before")
    assert journal.notes == {}
    fine = Journal(tmp_path / "0.json")
    fine.note("one", 1)
    with pytest.raises(JournalError, match="cannot be written"):
        fine.note("two", object())
    assert Journal(tmp_path / "0.json").notes == {"one": 1}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"header": {}}', '{"header": 1, "notes": {}}', '{"header": {}, "notes": 2}']
)
def test_a_damaged_journal_is_an_error_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "0.json").write_text(text)
    with pytest.raises(JournalError, match=r"0\.json cannot be read"):
        Journal(tmp_path / "0.json")


def test_without_a_file_notes_last_as_long_as_the_process() -> None:
    journal = Journal()
    journal.note("settings", "before")
    assert journal.notes == {"settings": "before"}
    journal.clear()
    assert journal.notes == {}


def test_a_kill_while_it_is_written_leaves_the_notes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "0.json")
    journal.note("one", 1)

    def killed(*_arguments: Any, **_fields: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dump", killed)
    with pytest.raises(KeyboardInterrupt):
        journal.note("two", 2)
    assert Journal(tmp_path / "0.json").notes == {"one": 1}
