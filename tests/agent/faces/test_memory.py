"""`trimtab memory`: what people see of it, and how they change it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.agent.memory.test_recollection import run, tuned
from trimtab.agent.faces.commands import memory
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.schema import STUDIES
from trimtab.agent.memory.usefulness import trials_to_most_of_the_gain, usefulness
from trimtab.agent.run.proposals import opening
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError


@pytest.fixture
def remembered(store: Store, tmp_path: Path) -> Store:
    """A store with two studies, the second of which used what the first had taught."""
    run(tuned(tmp_path, describe="zanzibar"), store)
    run(tuned(tmp_path, "later"), store)
    return store


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_words_and_studies_are_searched(remembered: Store, capsys: pytest.CaptureFixture[str]) -> None:
    url = remembered.shown
    memory.search("small nonsense", url, limit=10, as_json=False)
    assert lines(capsys) == ["study small-1 (has the word small)"]
    memory.search("later-1", url, limit=10, as_json=False)
    found = lines(capsys)
    assert found[0].startswith("study small-1 (similarity 0.80")
    assert any(each.startswith("lesson 1 (confidence") for each in found)
    memory.search("zebra", url, limit=10, as_json=False)
    assert lines(capsys) == ["nothing in memory matches 'zebra'"]
    memory.search("small", url, limit=10, as_json=True)
    assert json.loads(lines(capsys)[0])["study"] == "small-1"


def test_a_lesson_shows_its_record(remembered: Store, capsys: pytest.CaptureFixture[str]) -> None:
    memory.print_lessons(remembered.shown, everything=False, as_json=False)
    (line, *_others) = lines(capsys)
    assert "x = " in line
    assert "from small-1; 1 confirmed, 0 refuted, sureness 0.75" in line
    memory.show(1, remembered.shown, as_json=False)
    shown = lines(capsys)
    assert shown[0] == line
    assert shown[2].startswith("evidence: trials 0, ")
    assert shown[3] == "later-1: confirmed, used it"
    memory.show(1, remembered.shown, as_json=True)
    assert json.loads(capsys.readouterr().out)["verdicts"] == [
        {"study": "later-1", "used": True, "verdict": "confirmed"}
    ]
    with pytest.raises(InputError, match="no lesson 99"):
        memory.show(99, remembered.shown, as_json=False)


def test_quarantined_lessons_are_shown_when_asked_for(remembered: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c", "d"):
        stored = opening.start_study(remembered, make_study(study={"name": name}))
        for lesson in remembered.lessons():
            remembered.say_of_lesson(lesson.number, stored.id, "refuted")
        remembered.release(stored.id, "finished")
    remembered.say_of_lesson(1, 2, "refuted")
    memory.print_lessons(remembered.shown, everything=False, as_json=False)
    assert lines(capsys) == [
        "no lessons yet: they come from checked studies with an ablation, and from regions that failed"
    ]
    memory.print_lessons(remembered.shown, everything=True, as_json=False)
    assert all("quarantined" in each for each in lines(capsys))


def test_forgetting_is_for_good(remembered: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = remembered.shown
    assert memory.forget([], [1], None, url, ask=False)
    assert 1 not in [each.number for each in remembered.lessons()]
    with remembered._database.writing() as connection:
        connection.execute(update(STUDIES).where(STUDIES.c.key == "small-1").values(created=time.time() - 3 * 86400))
    assert b"zanzibar" in b"".join(each.read_bytes() for each in remembered.files if each.exists())
    assert memory.forget([], [], 5, url, ask=False)
    assert [each.key for each in remembered.listing()] == ["later-1", "small-1"]
    assert memory.forget([], [], 2, url, ask=False)
    assert [each.key for each in remembered.listing()] == ["later-1"]
    assert remembered.find_text("small") == []
    capsys.readouterr()
    for wrong in (([], [], None), ([], [77], None), (["nobody-1"], [], None)):
        with pytest.raises(InputError):
            memory.forget(*wrong, url, ask=False)
    assert b"zanzibar" not in Path(remembered.files[0]).read_bytes()


def test_memory_goes_to_a_file_and_back(remembered: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "memory.jsonl"
    memory.export(file, ["small-1"], remembered.shown)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    memory.import_(file, other)
    assert lines(capsys) == [f"imported 1 studies with 12 trials, and {len(remembered.lessons())} lessons"]
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match=str(wrong)):
            memory.import_(wrong, other)


def test_usefulness_needs_studies_of_both_kinds(
    remembered: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.print_stats(remembered.shown, as_json=False)
    assert "trials saved: cannot be told yet" in capsys.readouterr().out
    for index in range(4):
        run(tuned(tmp_path, f"with{index}"), remembered)
    monkeypatch.setattr(opening, "LOTTERY_SHARE", 1.0)
    for index in range(5):
        run(tuned(tmp_path, f"without{index}", memory={"lottery": True}, sampler={"seed": index}), remembered)
    found = usefulness(remembered)
    assert (found.studies, found.by_lottery) == (11, 5)
    assert found.saved is not None
    saved, low, high = found.saved
    assert low <= saved <= high
    assert found.with_memory is not None
    assert found.without is not None
    assert found.with_memory < found.without
    assert found.harmed == 0
    memory.print_stats(remembered.shown, as_json=True)
    assert json.loads(capsys.readouterr().out)["by_lottery"] == 5


@pytest.mark.parametrize(
    ("losses", "needed"), [([10.0, 9.0, 1.0, 0.9], 3), ([10.0, 0.0], 2), ([1.0, 2.0, 3.0], None), ([10, 5, 4.9, 0], 4)]
)
def test_trials_to_most_of_the_gain(losses: list[float], needed: int | None) -> None:
    study: Any = make_study()
    history = History(study)
    for number, loss in enumerate(losses):
        trial = Trial(number, DEFAULT, Candidate({**study.space.default, "x": number / 10}), "complete")
        trial.metrics = {"loss": loss}
        history.add(trial)
        history.update(trial)
    assert trials_to_most_of_the_gain(history) == needed
