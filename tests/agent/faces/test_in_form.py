"""`show --as` and `apply --as`: a stored study's configuration in a form of its target."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from trimtab.agent.faces.cli import app
from trimtab.agent.study.apply import shown
from trimtab.agent.study.file import load_study
from trimtab.tools.errors import InputError

STUDY = """
[study]
name = "shop"
[target]
kind = "postgresql"
[parameters.work_mem]
type = "int"
low = 1
high = 64
default = 4
unit = "MB"
[[objectives]]
metric = "throughput"
direction = "maximize"
"""


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study that was measured elsewhere; 32 is best."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TRIMTAB_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "t.csv").write_text("work_mem,throughput\n4,100\n16,110\n32,130\n")
    trimtab("import", tmp_path / "study.toml", tmp_path / "t.csv")
    return tmp_path


def trimtab(*words: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in words], catch_exceptions=False)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done.stdout


def test_show_prints_the_incumbent_or_a_trial(stored: Path) -> None:
    assert trimtab("show", "shop", "--as", "auto-conf") == "work_mem = '32MB'\n"
    assert trimtab("show", "shop", "--as", "auto-conf", "--trial", 1) == "work_mem = '16MB'\n"
    assert CliRunner().invoke(app, ["show", "shop", "--as", "revert"]).stderr == (
        "note: no check supports this configuration\n"
    )


def test_the_suffix_tells_the_form_unless_one_is_named(stored: Path) -> None:
    for name, words, begins in (
        ("a.sql", [], "ALTER SYSTEM SET"),
        ("a.conf", [], "work_mem = '32MB'"),
        ("a.json", [], '{\n  "work_mem": 32'),
        ("b.json", ["--as", "parameter-group"], '{\n  "DBParameterGroupName"'),
        ("b.sql", ["--as", "revert"], "ALTER SYSTEM RESET"),
    ):
        trimtab("apply", "shop", stored / name, "--trial", 2, "--yes", *words)
        assert (stored / name).read_text().startswith(begins), name


def test_a_template_of_the_study_says_how(stored: Path) -> None:
    (stored / "own.toml").write_text(STUDY.replace('"shop"', '"own"') + '[apply]\ntemplate = "w={work_mem}"\n')
    trimtab("import", stored / "own.toml", stored / "t.csv")
    trimtab("apply", "own", stored / "own.sql", "--trial", 2, "--yes")
    assert (stored / "own.sql").read_text() == "w=32\n"


def test_people_are_shown_statements_where_the_study_has_no_template(stored: Path) -> None:
    """This is what the summary and the report print."""
    assert shown(load_study(stored / "study.toml"), {"work_mem": 32}).startswith("ALTER SYSTEM SET")
    (stored / "own.toml").write_text(STUDY + '[apply]\ntemplate = "w={work_mem}"\n')
    assert shown(load_study(stored / "own.toml"), {"work_mem": 32}) == "w=32\n"


def test_a_form_that_is_none(stored: Path) -> None:
    with pytest.raises(InputError, match="there are alter-system, auto-conf, parameter-group, revert"):
        trimtab("show", "shop", "--as", "yaml")
    with pytest.raises(InputError, match="has no trial 9"):
        trimtab("show", "shop", "--as", "auto-conf", "--trial", 9)
