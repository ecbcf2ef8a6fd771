"""Memory that travels: what was measured goes along, paths and secrets stay, nothing is overwritten."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agent.memory.test_recollection import run, tuned
from trimtab.agent.memory.exchange import exported, import_lines, scrubbed
from trimtab.agent.memory.recollection import Asking, recollect
from trimtab.agent.memory.store import Store
from trimtab.tools.errors import InputError


def test_what_was_exported_teaches_elsewhere(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    lines = list(exported(store))
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    added = import_lines(other, lines, "m.jsonl", tmp_path)
    assert (added.studies, added.trials, added.lessons) == (1, 12, len(store.lessons()))
    here, there = (recollect(each, tuned(tmp_path, "later"), Asking()) for each in (store, other))
    assert there.past == here.past
    assert [each.words for each in there.lessons] == [each.words for each in here.lessons]
    assert other.study("small-1").environment["imported"] == "small-1 of m.jsonl"
    assert {each.author for each in other.lessons()} == {"consolidator 1 (m.jsonl)"}
    other.close()


def test_an_import_overwrites_nothing_and_repeats_no_lesson(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    before = store.trials(1)
    added = import_lines(store, list(exported(store)), "m.jsonl", tmp_path)
    assert added.lessons == 0
    assert [each.key for each in store.listing()] == ["small-2", "small-1"]
    assert store.trials(1) == before


def test_one_study_alone_goes_with_its_lessons(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    run(tuned(tmp_path, "other"), store)
    kinds = [json.loads(line) for line in exported(store, ["small-1"])]
    assert [each["key"] for each in kinds if each["kind"] == "study"] == ["small-1"]
    assert {each["study"] for each in kinds if each["kind"] == "lesson"} <= {"small-1"}


def test_paths_and_secrets_stay_at_home(store: Store, tmp_path: Path) -> None:
    study = tuned(tmp_path, "secret")
    definition = study.model_dump(mode="json", exclude_none=True)
    definition["study"]["description"] = "in /home/ann/work/db.sqlite, C:\\Users\\ann\\x.ini"
    definition["model"] = {"base_url": "http://10.0.0.7/v1", "api_key_env": "MY_KEY"}
    stored = store.create_study("secret", definition, str(tmp_path), None, {})
    store.release(stored.id, "finished")
    text = "\n".join(exported(store))
    assert "db.sqlite, x.ini" in text
    for private in ("/home", "ann", "10.0.0.7", "MY_KEY", str(tmp_path), "evaluation"):
        assert private not in text


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"api_key": "x", "n": 1}, {"n": 1}),
        ({"nested": [{"password": "x", "a": "/usr/lib/libc.so"}]}, {"nested": [{"a": "libc.so"}]}),
        ("a/b and http://host/path/x", "a/b and http://host/path/x"),
        (3, 3),
    ],
)
def test_scrubbing(given: Any, left: Any) -> None:
    assert scrubbed(given) == left


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["hello"], "m:1"),
        (['{"kind": "study"}'], "m:1"),
        (['{"kind": "header", "format": "trimtab memory 2"}'], "m:1"),
        (['{"kind": "header", "format": "trimtab memory 1"}'], "m: nothing to import"),
        (['{"kind": "header", "format": "trimtab memory 1"}', '{"kind": "study", "key": "a"}'], "m:2"),
        (['{"kind": "header", "format": "trimtab memory 1"}', '{"kind": "lesson", "study": "a"}'], "m:2"),
        (['{"kind": "header", "format": "trimtab memory 1"}', "[]"], "m:2"),
    ],
)
def test_garbage_is_refused_by_line(store: Store, tmp_path: Path, lines: list[str], where: str) -> None:
    with pytest.raises(InputError, match=where):
        import_lines(store, lines, "m", tmp_path)
    assert store.listing() == []
