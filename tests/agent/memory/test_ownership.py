"""One owner a study: decided by the database, among real processes, and given up only by who has it."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.memory.store import Store, StoreError, leases, ownership
from trimtab.agent.memory.store.ownership import Owner, is_alive, owner_of, this_process
from trimtab.agent.run.proposals.opening import resume_study, start_study
from trimtab.agent.run.session import Session
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError, TrimtabError

CROWD = 40
_FORK = multiprocessing.get_context("fork")  # all start at the same moment: nothing is imported after the fork


def crowd(act: Callable[[Any, int], object], count: int = CROWD) -> list[str]:
    """Run `act(barrier, index)` in as many processes at once, and return what each came to."""
    barrier, queue = _FORK.Barrier(count), _FORK.Queue()

    def run(index: int) -> None:
        try:
            said = str(act(barrier, index))
        except TrimtabError as error:
            said = f"{type(error).__name__}: {error}"
        except BaseException as error:  # noqa: BLE001  # what must not happen is what is tested
            said = f"escaped: {error!r}"
        queue.put(said)

    processes = [_FORK.Process(target=run, args=[index]) for index in range(count)]
    for process in processes:
        process.start()
    said = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(30)
    return said


def trial(number: int) -> Trial:
    return Trial(number, DEFAULT, Candidate({"x": 0.5, "n": 8, "mode": "slow"}), started=1.0)


class OfMany:
    """What many processes do to one database at the same moment."""

    def test_of_40_processes_that_resume_one_study_exactly_one_owns_it(self, url: str, tmp_path: Path) -> None:
        study = make_study(tmp_path)
        first = Store(url)
        start_study(first, study)
        first.close()

        def resume(barrier: Any, _index: int) -> str:
            store = Store(url)
            barrier.wait(60)
            try:
                resume_study(store, study)
            finally:
                barrier.wait(60)  # nobody gives up before everybody tried
            return "owner"

        said = crowd(resume)
        assert said.count("owner") == 1
        assert sum("InputError: study small-1 is being run by process" in each for each in said) == CROWD - 1

    def test_40_processes_may_be_the_first_to_use_a_store_and_add_studies_of_one_name(
        self, url: str, tmp_path: Path
    ) -> None:
        study = make_study(tmp_path)

        def start(barrier: Any, _index: int) -> str:
            barrier.wait(60)
            store = Store(url)
            stored = start_study(store, study)
            store.start_trial(stored.id, trial(0))
            store.close()
            return stored.key

        assert sorted(crowd(start)) == sorted(f"small-{number + 1}" for number in range(CROWD))


class TestOfManyOnSQLite(OfMany):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class TestOfManyOnPostgreSQL(OfMany):
    @pytest.fixture
    def url(self, postgresql: str) -> str:
        return postgresql


def test_an_older_store_is_migrated_once_by_many(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    Store(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:  # as an earlier release left it
        connection.execute("update trimtab_meta set version = 2")
        for column in ("lease", "definition_version"):
            connection.execute(f"alter table studies drop column {column}")
        connection.execute("drop table chat_entries")
        connection.execute("drop table chats")

    def migrate(barrier: Any, _index: int) -> str:
        barrier.wait(60)
        return Store(f"sqlite:///{file}").create_chat()

    assert sorted(crowd(migrate, 12)) == sorted(f"chat-{number + 1}" for number in range(12))


def test_a_dead_process_of_this_machine_owns_nothing(tmp_path: Path) -> None:
    url, study = f"sqlite:///{tmp_path / 'store.db'}", make_study(tmp_path)

    def die(_barrier: Any, _index: int) -> None:
        start_study(Store(url), study)
        os.kill(os.getpid(), signal.SIGKILL)

    process = _FORK.Process(target=die, args=[None, 0])
    process.start()
    process.join(30)
    assert resume_study(Store(url), study).key == "small-1"


def test_taking_a_study_twice_in_one_process_is_refused_knowingly(tmp_path: Path) -> None:
    study, url = make_study(tmp_path), f"sqlite:///{tmp_path / 'store.db'}"
    store = Store(url)
    session = Session.start(study, store)
    for other in (store, Store(url)):
        with pytest.raises(InputError, match=r"being run by this process .*close its session"):
            Session.resume(study, other)
    session.close()
    assert Session.resume(study, Store(url)).key == "small-1"


def test_a_session_gives_up_only_what_is_its_own(tmp_path: Path) -> None:
    url, study = f"sqlite:///{tmp_path / 'store.db'}", make_study(tmp_path)
    mine, other = Store(url), Store(url)
    stored = start_study(mine, study)
    other.release(stored.id, "interrupted")
    other.close()
    assert mine.study("small-1").state == "running"
    mine.start_trial(stored.id, trial(0))
    mine.release(stored.id, "finished")
    assert mine.study("small-1").state == "finished"


@pytest.mark.parametrize("last_words", ["store.close()", "del store", "raise SystemExit"])
def test_a_store_that_ends_gives_up_what_it_held(tmp_path: Path, last_words: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    code = f"""
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.testing import make_study
store = Store({url!r})
start_study(store, make_study())
{last_words}
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert Store(url).study("small-1").state == "interrupted"


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process runs on another machine."""
    monkeypatch.setattr(ownership, "_boot", lambda: "another boot")


def test_an_owner_on_another_machine_is_alive_until_its_lease_has_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, study = f"sqlite:///{tmp_path / 'store.db'}", make_study(tmp_path)
    there = Store(url, lease_s=3600)
    stored = start_study(there, study)
    elsewhere(monkeypatch)
    here = Store(url)
    with pytest.raises(InputError, match=r"being run by process \d+ on .*lease runs out in 3\d\d\d s"):
        resume_study(here, study)
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("update studies set lease = ?", [time.time() - 1])
    assert resume_study(here, study).id == stored.id


def test_who_lost_a_study_writes_no_more_and_gives_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, study = f"sqlite:///{tmp_path / 'store.db'}", make_study(tmp_path)
    away = Store(url, lease_s=3600)
    stored = start_study(away, study)
    away.start_trial(stored.id, trial(0))
    elsewhere(monkeypatch)
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("update studies set lease = 0")
    here = Store(url)
    here.acquire(stored.id)
    done = trial(0)
    done.state, done.metrics = "complete", {"loss": 1.0}
    for write in (
        lambda: away.start_trial(stored.id, trial(1)),
        lambda: away.finish_trial(stored.id, done, 1.0),
        lambda: away.set_result(stored.id, {}),
    ):
        with pytest.raises(StoreError, match="small-1 was taken over by process"):
            write()
    here.release(stored.id, "finished")
    with pytest.raises(StoreError, match="taken over"):  # also when nobody owns it any more
        away.start_trial(stored.id, trial(1))
    here.acquire(stored.id)
    away.close()
    assert here.study("small-1").state == "running"
    assert [each.state for each in here.trials(stored.id)] == ["running"]


def test_a_running_store_renews_its_lease_by_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = Store(url, lease_s=0.4)
    start_study(store, make_study(tmp_path))

    def lease() -> float:
        with sqlite3.connect(tmp_path / "store.db") as connection:
            return float(connection.execute("select lease from studies").fetchone()[0])

    first, deadline = lease(), time.monotonic() + 30
    while lease() <= first:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_owners_are_told_apart_by_boot_namespace_and_start(monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    assert is_alive(me) is True
    assert is_alive(owner_of(me.text)) is True
    assert this_process().text != me.text  # each time has a token of its own
    reused = Owner(me.pid, me.host, "1", me.boot, me.namespace)
    assert is_alive(reused) is False
    assert is_alive(Owner(me.pid, me.host, me.start, "another boot", me.namespace)) is None
    assert is_alive(Owner(me.pid, me.host, me.start, me.boot, "another container")) is None
    assert is_alive(Owner(me.pid, "renamed", me.start, me.boot, me.namespace)) is True
    assert is_alive(Owner(me.pid, me.host, None, me.boot, me.namespace)) is None


def test_owners_that_an_older_release_stored_are_told_by_host_and_start() -> None:
    me = this_process()
    old = {"pid": me.pid, "host": me.host, "start": me.start}
    assert is_alive(owner_of(json.dumps(old))) is True
    assert is_alive(owner_of(json.dumps({**old, "start": "1"}))) is False
    assert is_alive(owner_of(json.dumps({**old, "host": "another"}))) is None


def test_the_update_decides_when_an_owner_came_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What PostgreSQL allows: between our look and our update somebody else takes the study."""
    store, study = Store(f"sqlite:///{tmp_path / 'store.db'}"), make_study(tmp_path)
    stored = start_study(store, study)
    store.release(stored.id, "interrupted")
    look = leases.Leases._look

    def look_then_lose(self: leases.Leases, connection: Any, study_id: int) -> Any:
        row = look(self, connection, study_id)
        if row.owner is None:
            other = this_process().text
            connection.exec_driver_sql("update studies set owner = ?, lease = 9e9", (other,))
        return row

    monkeypatch.setattr(leases.Leases, "_look", look_then_lose)
    with pytest.raises(InputError, match="being run by this process"):
        store.acquire(stored.id)


def test_a_process_that_has_ended_is_dead_before_its_parent_collects_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        here = this_process()
        owner = Owner(process.pid, here.host, ownership._process_start(process.pid), here.boot, here.namespace)
        assert is_alive(owner) is True
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(owner) is False
