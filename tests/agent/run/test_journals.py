"""What killed runs have left is undone by the next run on the same store, and by nobody else."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.ownership import this_process
from trimtab.agent.run.journals import Undone, forget, journal_folder, journal_of, undo_pending, undo_study
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.tools.errors import TrimtabError
from trimtab.tools.targets import Journal


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The file that stands for a system."""
    (tmp_path / "system").write_text("as before")
    return tmp_path / "system"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    restored = ["sh", "-c", "echo 'as before' > {study_dir}/system"]
    target = {"kind": "command", "command": ["true", "{x}", "{n}", "{mode}", "{burst}"], "teardown": restored}
    return make_study(tmp_path, target=target)


def left_behind(store: Store, study: Study, key: str, system: Path, *, alive: bool = False, worker: int = 0) -> Path:
    """Change the system as a run would that was killed then; return its journal's file."""
    journal = journal_of(store, key, study, worker)
    if not alive:
        journal.header["owner"] = json.dumps({**json.loads(this_process().text), "start": "1"})
    journal.note("teardown", value=True)
    system.write_text("changed")
    assert journal.path is not None
    return journal.path


def undone(store: Store, own: str) -> list[Undone]:
    async def collect() -> list[Undone]:
        return [each async for each in undo_pending(store, own)]

    return asyncio.run(collect())


def test_the_next_run_undoes_what_a_killed_one_left(store: Store, study: Study, system: Path) -> None:
    file = left_behind(store, study, "other-1", system)
    assert undone(store, "small-1") == [Undone("other-1")]
    assert system.read_text() == "as before\n"
    assert not file.exists()
    assert undone(store, "small-1") == []


def test_what_a_living_run_has_changed_is_left_alone(store: Store, study: Study, system: Path) -> None:
    file = left_behind(store, study, "other-1", system, alive=True)
    assert undone(store, "small-1") == []
    assert (system.read_text(), file.exists()) == ("changed", True)


def test_the_owner_of_a_study_knows_that_the_run_before_is_dead(store: Store, study: Study, system: Path) -> None:
    left_behind(store, study, "small-1", system, alive=True)
    assert undone(store, "small-1") == [Undone("small-1")]
    assert system.read_text() == "as before\n"


def test_every_worker_is_undone_though_one_cannot(store: Store, study: Study, system: Path, tmp_path: Path) -> None:
    broken = left_behind(store, study, "other-1", system, worker=0)
    left_behind(store, study, "other-1", system, worker=1)
    broken.write_text(broken.read_text().replace('"kind": "command"', '"kind": "postgres"'))
    found = undone(store, "small-1")
    assert [each.study for each in found] == ["other-1", "other-1"]
    assert "kind = 'postgres' is not one of" in found[0].trouble
    assert found[1].trouble == ""
    assert system.read_text() == "as before\n"
    assert broken.exists()


def test_a_teardown_that_fails_stays_to_be_done(store: Store, study: Study, system: Path) -> None:
    file = left_behind(store, study, "other-1", system)
    system.unlink()
    system.mkdir()
    assert "target.teardown: exit status" in undone(store, "small-1")[0].trouble
    system.rmdir()
    assert Journal(file).notes == {"teardown": True}
    assert undone(store, "small-1") == [Undone("other-1")]


@pytest.mark.parametrize("text", ["", "{", '{"header": {}, "notes": {}}', '{"header": {"owner": "x"}, "notes": {}}'])
def test_a_damaged_journal_of_another_study_does_not_keep_anybody_from_running(
    store: Store, study: Study, text: str
) -> None:
    file = journal_folder(store) / "other-1" / "0.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert undone(store, "small-1") == []
    assert file.exists()


def test_journals_are_found_whatever_way_the_store_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = set()
    for url in (
        f"sqlite:///{tmp_path}/store.db",
        "sqlite:///store.db",
        f"sqlite:///{tmp_path}/../{tmp_path.name}/store.db",
    ):
        store = Store(url)
        folders.add(journal_folder(store))
        store.close()
    assert folders == {tmp_path / "store.db-journals"}


def run(session: Session) -> list[events.Event]:
    async def collect() -> list[events.Event]:
        return [e async for e in session.run(FunctionExecutor(lambda _c, _s: {"loss": 1.0}))]

    return asyncio.run(collect())


def notices(found: list[events.Event]) -> list[str]:
    return [e.message for e in found if isinstance(e, events.Notice) and e.kind == "restored"]


def test_a_run_tells_what_it_restored_before_it_measures(store: Store, study: Study, system: Path) -> None:
    left_behind(store, study, "other-1", system)
    found = run(Session.start(study, store))
    assert notices(found) == ["restored what other-1 had changed before it was killed"]
    kinds = [type(e) for e in found]
    assert kinds.index(events.Notice) < kinds.index(events.TrialStarted)


def test_a_run_goes_on_beside_what_another_study_left_for_good(store: Store, study: Study, system: Path) -> None:
    file = left_behind(store, study, "other-1", system)
    file.write_text(file.read_text().replace("echo", "false;"))
    found = run(Session.start(study, store))
    assert "is not undone: restoring: target.teardown" in notices(found)[0]
    assert isinstance(found[-1], events.StudyFinished)


def test_a_study_whose_own_changes_stay_is_not_run(store: Store, study: Study, system: Path) -> None:
    file = left_behind(store, study, "small-1", system)
    file.write_text(file.read_text().replace("echo", "false;"))
    with pytest.raises(TrimtabError, match=r"small-1 changed .* trimtab restore small-1 --forget"):
        run(Session.start(study, store))
    assert store.studies()[0].state == "interrupted"
    assert forget(store, "small-1") == 1
    assert isinstance(run(Session.resume(study, store))[-1], events.StudyFinished)


def test_one_study_is_undone_alone(store: Store, study: Study, system: Path) -> None:
    left_behind(store, study, "small-1", system)
    other = left_behind(store, study, "other-1", system)

    async def collect() -> list[Undone]:
        return [each async for each in undo_study(store, "small-1")]

    assert asyncio.run(collect()) == [Undone("small-1")]
    assert other.exists()


def test_resuming_does_not_mind_where_the_command_is_said(store: Store, tmp_path: Path) -> None:
    words: dict[str, Any] = {"command": ["true", "{x}", "{n}", "{mode}", "{burst}"]}
    run(Session.start(make_study(tmp_path, evaluation=words, budget={"trials": 2}), store))
    moved = make_study(tmp_path, target={"kind": "command", **words}, budget={"trials": 3})
    assert isinstance(run(Session.resume(moved, store))[-1], events.StudyFinished)
    other = make_study(tmp_path, target={"kind": "command", **words, "before": "true"}, budget={"trials": 4})
    with pytest.raises(TrimtabError, match=r"target\.before changed since"):
        Session.resume(other, store)
