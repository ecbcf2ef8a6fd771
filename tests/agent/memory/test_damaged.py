"""A store that was damaged, or that another program wrote: one line, and never a traceback or an escape."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from trimtab.agent.faces.commands.export import export_study
from trimtab.agent.faces.commands.show import print_study, print_trial
from trimtab.agent.faces.commands.studies import print_studies
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.tools.errors import TrimtabError

COLUMNS = [
    *(("studies", name) for name in ("definition", "environment", "result", "state", "created", "search_s")),
    *(("trials", name) for name in ("proposal", "metrics", "configuration", "state", "details", "reason", "source")),
    *(("evaluations", name) for name in ("metrics", "state", "log", "reason", "duration_s")),
]
VALUES = ["{", "[]", "5", "null", "\x1b[31mred", '{"a": 1}', '"x"', '{"\\u001b[31m": "\\ud800"}', b"\xff\x00"]


@pytest.fixture
def file(tmp_path: Path, study: Study) -> Path:
    """A store with a study of two trials, one of which failed."""
    found = tmp_path / "stored.db"
    store = Store(f"sqlite:///{found}")
    session = Session.start(study, store)
    for failed in (None, "it broke"):
        trial = session.ask()
        metrics = dict.fromkeys(study.required_metrics, 1.0)
        session.tell(trial.number, None if failed else metrics, failed)
    session.close()
    store.close()
    return found


def look_at_everything(url: str, study: Study) -> list[str]:
    """Do what people do with a store; return what was said of it."""
    said = []
    for look in (
        lambda: print_studies(url),
        lambda: print_study(study.name, url, everything=True),
        lambda: print_trial(study.name, 0, url),
        lambda: export_study(study.name, url, csv=Path("-"), json_file=None, optuna_url=None),
    ):
        try:
            look()
        except TrimtabError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_any_value_in_any_column_is_shown_or_told(
    table: str, column: str, file: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{file}"
    for value in VALUES:
        with closing(sqlite3.connect(file)) as connection, connection:
            before = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        told = look_at_everything(url, study)
        printed = capsys.readouterr()
        assert "\x1b" not in "".join([*told, printed.out, printed.err])
        assert all(len(line.splitlines()) == 1 for line in told)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [(v, r) for r, v in before])
    assert look_at_everything(url, study) == []


def test_a_damaged_study_does_not_hide_the_others(file: Path, study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE studies SET result = '[', created = 'x'")
    store = Store(f"sqlite:///{file}")
    Session.start(study, store).close()
    store.close()
    print_studies(f"sqlite:///{file}")
    newest, damaged = capsys.readouterr().out.splitlines()[1:]
    assert "damaged" in damaged
    assert "damaged" not in newest


def test_a_broken_trial_is_called_damaged(file: Path, study: Study) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE trials SET metrics = '[]'")
    with pytest.raises(TrimtabError, match="the store is damaged: a trial cannot be read"):
        print_study(study.name, f"sqlite:///{file}", everything=True)


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "zeroed", "folder"])
def test_a_file_that_is_no_store_is_one_line(damage: str, file: Path, study: Study) -> None:
    data = file.read_bytes()
    file.unlink()
    match damage:
        case "folder":
            file.mkdir()
        case "empty":
            file.touch()
        case "garbage":
            file.write_bytes(b"this is no database\n" * 1000)
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "zeroed":
            file.write_bytes(data[:8192] + bytes(len(data) - 8192))
    for line in look_at_everything(f"sqlite:///{file}", study):
        assert len(line.splitlines()) == 1


def test_a_foreign_database_is_left_alone(tmp_path: Path, study: Study) -> None:
    file = tmp_path / "foreign.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE trials (a TEXT)")
        connection.execute("INSERT INTO trials VALUES ('kept')")
    for line in look_at_everything(f"sqlite:///{file}", study):
        assert len(line.splitlines()) == 1
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT a FROM trials").fetchall() == [("kept",)]


@pytest.mark.parametrize("happened", ["removed", "replaced"])
def test_a_store_that_vanishes_is_noticed_before_more_is_lost(happened: str, tmp_path: Path, study: Study) -> None:
    file = tmp_path / "vanishing.db"
    store = Store(f"sqlite:///{file}")
    session = Session.start(study, store)
    session.ask()
    file.rename(tmp_path / "moved.db")
    if happened == "replaced":
        file.touch()
    with pytest.raises(TrimtabError, match=f"its file was {happened} while it was in use"):
        session.ask()
    (tmp_path / "moved.db").replace(file)
    session.ask()
    session.close()
    store.close()
