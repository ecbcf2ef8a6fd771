"""Measurements from a CSV file become trials: the default first, repeats together, mistakes by row, nothing by halves."""

from pathlib import Path

import pytest

from trimtab.agent.faces.commands.export import export_study
from trimtab.agent.faces.commands.import_csv import import_csv
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import find_study
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError

STUDY = """
[study]
name = "old"
[parameters.x]
type = "float"
low = 0.0
high = 10.0
default = 5.0
[parameters.mode]
type = "categorical"
choices = ["slow", "fast"]
default = "slow"
[parameters.burst]
type = "int"
low = 1
high = 8
default = 2
when = "mode == 'fast'"
[[objectives]]
metric = "loss"
direction = "minimize"
[[constraints]]
metric = "memory"
max = 100.0
[evaluation]
command = ["{python}", "-c", "print('{{\\"loss\\": 1.5, \\"memory\\": 1}}')", "{x}", "{mode}", "{burst}"]
isolation = "process"
[planner]
name = "none"
[check]
ablation = false
[budget]
trials = 8
"""
ROWS = """\
x;mode;burst;loss;memory;note
1;fast;4;2.5;10;first
5.0;slow;;4.0;20;
5;slow;;4.2;20;again
2;fast;3;1.0;300;
3;slow;;;;
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, str]:
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "old.csv").write_text(ROWS)
    return tmp_path / "study.toml", tmp_path / "old.csv", f"sqlite:///{tmp_path / 's.db'}"


def stored(url: str, key: str = "old-1") -> list[Trial]:
    store = Store(url)
    found = find_study(store, key).history.trials
    store.close()
    return found


def count(url: str) -> int:
    store = Store(url)
    found = len(store.studies())
    store.close()
    return found


def test_rows_become_trials(files: tuple[Path, Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    study, table, url = files
    import_csv(study, table, url, resume=False)
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == "old-1: 4 trials from 5 rows"
    assert "4 are left" in told.out
    assert "not read: column note" in told.err
    default, first, heavy, failed = stored(url)
    assert (default.source.kind, default.configuration) == ("default", {"x": 5.0, "mode": "slow"})
    assert default.metrics == {"loss": pytest.approx(4.1), "memory": 20.0}
    assert default.values == [4.0, 4.2]
    assert (first.source.kind, first.configuration) == ("person", {"x": 1.0, "mode": "fast", "burst": 4})
    assert first.rationale == f"measured elsewhere: {table}:2"
    assert heavy.state == "infeasible"
    assert (failed.state, failed.reason) == ("failed", "elsewhere: it has no result")


def test_a_search_goes_on_from_them(files: tuple[Path, Path, str]) -> None:
    import asyncio

    from trimtab.agent import Session, load_study
    from trimtab.agent.events import StudyFinished

    study, table, url = files
    import_csv(study, table, url, resume=False)
    store = Store(url)

    async def drive() -> StudyFinished:
        session = Session.resume(load_study(study), store)
        events = [event async for event in session.run()]
        assert isinstance(events[-1], StudyFinished)
        return events[-1]

    finished = asyncio.run(drive())
    store.close()
    assert finished.trials == 8
    assert finished.best is not None
    assert finished.best.metrics["loss"] == 1.5
    assert finished.default is not None
    assert finished.default.metrics["loss"] == pytest.approx(4.1)


def test_what_was_exported_can_be_imported(files: tuple[Path, Path, str], tmp_path: Path) -> None:
    study, table, url = files
    import_csv(study, table, url, resume=False)
    export_study("old", url, csv=tmp_path / "out.csv", json_file=None, optuna_url=None)
    import_csv(study, tmp_path / "out.csv", url, resume=False)
    before, after = stored(url), stored(url, "old-2")
    assert [(each.configuration, each.metrics, each.state) for each in before] == [
        (each.configuration, each.metrics, each.state) for each in after
    ]


def test_resume_adds_what_is_new(files: tuple[Path, Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    study, table, url = files
    import_csv(study, table, url, resume=False)
    table.write_text("x,mode,loss,memory\n9,slow,3,1\n5,slow,4,1\n")
    import_csv(study, table, url, resume=True)
    assert "old-1: 1 trials from 2 rows, 1 measurements of trials that were there" in capsys.readouterr().out
    assert [each.configuration["x"] for each in stored(url)] == [5.0, 1.0, 2.0, 3.0, 9.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "old.csv:1: there is no column 'loss'"),
        ("x,loss,loss,memory\n", "old.csv:1: there are two columns 'loss'"),
        ("y,loss,memory\n1,1,1\n", "old.csv:1: no column is a parameter"),
        ("x,loss,memory\n", "old.csv: there is no row"),
        ("x,loss,memory\n5,1\n", "old.csv:2: has 2 cells, the heading 3"),
        (
            "x,loss,memory\n5,much,1\n5,nan,1",
            "old.csv:2: loss: 'much' is no number\n.*old.csv:3: loss: 'nan' is no number",
        ),
        ("x,loss,memory,duration_s\n5,1,1,-2\n", "old.csv:2: duration_s: '-2' is below 0"),
        ("x,loss,memory\n5,1,1\n50,1,1\n", r"old.csv:3: x='?50'? is not a number from 0 to 10"),
        ("x,mode,loss,memory\n5,slow,1,1\n5,medium,1,1\n", "old.csv:3: mode='?medium'? is not one of slow, fast"),
        ("x,loss,memory\n4,1,1\n", "none of the measurements is of the default"),
    ],
)
def test_mistakes_are_told_by_row_and_nothing_is_stored(files: tuple[Path, Path, str], text: str, message: str) -> None:
    study, table, url = files
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        import_csv(study, table, url, resume=False)
    assert count(url) == 0


def test_odd_files(files: tuple[Path, Path, str]) -> None:
    study, table, url = files
    for make, message in ((table.unlink, "cannot be read"), (table.mkdir, "cannot be read")):
        make()
        with pytest.raises(InputError, match=message):
            import_csv(study, table, url, resume=False)
    table.rmdir()
    table.write_bytes(b"x\tloss\tmemory\r\n5\t\xff\t1\r\n")
    with pytest.raises(InputError, match="not UTF-8"):
        import_csv(study, table, url, resume=False)
    table.write_bytes("\ufeffx\tloss\tmemory\r\n5\t1\t1\r\n\r\n".encode())
    import_csv(study, table, url, resume=False)
    assert len(stored(url)) == 1
