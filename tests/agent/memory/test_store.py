import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.migrations import MIGRATIONS, _attempts_and_hosts
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    Store(url).close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("update trimtab_meta set version = 99")
    with pytest.raises(InputError, match="newer trimtab"):
        Store(url)


def test_a_store_from_before_attempts_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = Store(url)
    stored = start_study(store, make_study())
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as connection:  # as the release before left it
        connection.execute(f"update trimtab_meta set version = {MIGRATIONS.index(_attempts_and_hosts)}")
        connection.execute("drop table attempts")
        connection.execute("alter table evaluations drop column host")
    store = Store(url)
    assert store.attempts(stored.id) == []
    assert store.evaluations(stored.id, "tune") == []


def test_what_is_stored_comes_back(store: Store) -> None:
    study = make_study()
    stored = start_study(store, study)
    trial = Trial(
        0,
        Source("planner", "m"),
        Candidate({"x": 0.25, "n": 3, "mode": "slow"}, "a patch"),
        rationale="why",
        started=1.5,
    )
    trial.predicted = {"loss": (1.0, 0.5, 2.0)}
    store.start_trial(stored.id, trial)
    (back,) = store.trials(stored.id)
    assert back.configuration == trial.configuration
    assert (back.rationale, back.source, back.candidate, back.state) == (
        "why",
        trial.source,
        trial.candidate,
        "running",
    )
    assert tuple(back.predicted["loss"]) == (1.0, 0.5, 2.0)
    assert store.study("small").definition["parameters"]["burst"]["when"] == "mode == 'fast'"


def test_studies_of_one_name_get_numbers_and_the_newest_is_meant_by_the_name(store: Store) -> None:
    for _ in range(3):
        start_study(store, make_study())
    assert [each.key for each in store.studies("small")] == ["small-3", "small-2", "small-1"]
    assert store.study("small").key == "small-3"
    assert store.study("small-1").key == "small-1"


@pytest.mark.parametrize("power_safe", [True, False])
def test_what_was_measured_survives_a_power_cut_and_what_was_only_begun_survives_a_crash(
    tmp_path: Path, power_safe: bool
) -> None:
    """SQLite's setting: 2 waits for the disk at each end of a transaction, 1 does not."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", power_safe=power_safe)
    stored = start_study(store, make_study())
    trial = Trial(0, DEFAULT, Candidate({"x": 0.5}), started=1.0)
    levels: dict[str, int] = {}

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def look(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith(("INSERT INTO trials", "UPDATE trials", "UPDATE studies SET result")):
            found = connection.connection.driver_connection.execute("PRAGMA synchronous").fetchone()[0]
            levels[" ".join(statement.split()[:3])] = found

    store.start_trial(stored.id, trial)
    store.finish_trial(stored.id, trial, 1.0)
    store.start_trial(stored.id, Trial(1, DEFAULT, Candidate({"x": 0.25}), started=1.0))
    store.set_result(stored.id, {})
    safe = 2 if power_safe else 1
    assert levels == {"INSERT INTO trials": 1, "UPDATE trials SET": safe, "UPDATE studies SET": safe}
