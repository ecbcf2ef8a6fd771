"""What is done with a study afterwards: verify it, take an applied file back, delete it, list it for scripts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.faces.commands.apply import apply_stored, revert_file
from trimtab.agent.faces.commands.check import print_study
from trimtab.agent.faces.commands.delete import delete_studies
from trimtab.agent.faces.commands.studies import print_studies
from trimtab.agent.faces.commands.verify import verify_study
from trimtab.agent.memory.store import Store
from trimtab.agent.run.journals import journal_folder
from trimtab.agent.run.verification import seeds_for
from trimtab.agent.testing import make_study
from trimtab.tools.errors import InputError

TRIMTAB = Path(sys.executable).with_name("trimtab")
PROGRAM = """
import json, pathlib, sys
slow = pathlib.Path(__file__).with_name("slow").exists()
x, seed = float(sys.argv[1]), int(sys.argv[2])
print(json.dumps({"loss": (1 + (0 if slow else x)) * (1 + 0.001 * (seed % 7))}))
"""
STUDY = """
[study]
name = "after"
[parameters.x]
type = "float"
low = 0.0
high = 1.0
default = 1.0
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "{study_dir}/p.py", "{x}", "{seed}"]
isolation = "process"
check_seeds = [11, 12, 13, 14, 15, 16]
[sampler]
name = "random"
[planner]
name = "none"
[check]
ablation = false
[budget]
trials = 4
"""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def tuned(tmp_path: Path, url: str) -> Path:
    (tmp_path / "p.py").write_text(PROGRAM)
    (tmp_path / "study.toml").write_text(STUDY)
    command = [str(TRIMTAB), "tune", str(tmp_path / "study.toml"), "--store", url]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return tmp_path


def test_verify_measures_again_and_says_when_it_no_longer_holds(
    tuned: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_study("after", url, pairs=None, trial=None, whole=False, as_json=False)
    assert "improved" in capsys.readouterr().out
    assert verify_study("after", url, pairs=8, trial=None, whole=False, as_json=True)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["checks"][0]["pairs"] == 8
    assert told["checks"][0]["ratio"] > 1
    (tuned / "slow").touch()
    assert not verify_study("after", url, pairs=None, trial=None, whole=False, as_json=False)
    assert "no reliable improvement" in capsys.readouterr().out
    for trial, said in ((0, "is the default"), (99, "has no trial 99")):
        with pytest.raises(InputError, match=said):
            verify_study("after", url, pairs=None, trial=trial, whole=False, as_json=False)


def test_further_pairs_have_seeds_of_their_own() -> None:
    study = make_study(evaluation={"tuning_seeds": [1, 30], "check_seeds": [11, 12, 13, 14, 15, 16]})
    assert seeds_for(study, 4) == [11, 12, 13, 14]
    assert seeds_for(study, 8) == [11, 12, 13, 14, 15, 16, 31, 32]


@pytest.mark.parametrize("old", ["old text\n", None])
def test_revert_brings_the_file_back(tuned: Path, url: str, old: str | None) -> None:
    file = tuned / "applied.json"
    if old is not None:
        file.write_text(old)
    assert apply_stored("after", file, url, trial=1, ask=False)
    assert apply_stored("after", file, url, trial=2, ask=False)
    assert "x" in file.read_text()
    assert revert_file(file, ask=False, show=False)
    assert (file.read_text() if file.exists() else None) == old
    with pytest.raises(InputError, match="nothing was applied to it"):
        revert_file(file, ask=False, show=False)


def test_a_file_that_was_changed_since_is_left(tuned: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tuned / "applied.json"
    file.write_text("old\n")
    apply_stored("after", file, url, trial=1, ask=False)
    file.write_text("a person's\n")
    with pytest.raises(InputError, match="was changed since"):
        revert_file(file, ask=False, show=False)
    assert file.read_text() == "a person's\n"
    capsys.readouterr()
    assert revert_file(file, ask=False, show=True)
    assert capsys.readouterr().out == "old\n"


def test_deleted_is_gone_from_the_file_too(tuned: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="not a key"):
        delete_studies(["after"], url, ask=False)
    journal = journal_folder(Store(url)) / "after-1" / "0.json"
    journal.parent.mkdir(parents=True)
    journal.touch()
    with pytest.raises(InputError, match="trimtab restore after-1"):
        delete_studies(["after-1"], url, ask=False)
    journal.unlink()
    with pytest.raises(InputError, match="--yes does it"):
        delete_studies(["after-1"], url, ask=True)
    print_studies(url, as_json=True)
    assert json.loads(capsys.readouterr().out)["key"] == "after-1"
    assert delete_studies(["after-1"], url, ask=False)
    assert "deleted after-1: 4 trials" in capsys.readouterr().out
    assert Store(url).studies() == []
    assert b"after-1" not in (tuned / "store.db").read_bytes()


def test_a_study_that_runs_is_not_deleted(tuned: Path, url: str) -> None:
    store = Store(url)
    store.acquire(store.study("after-1").id)
    with pytest.raises(InputError):
        delete_studies(["after-1"], url, ask=False)
    assert len(Store(url).trials(store.study("after-1").id)) == 4
    store.close()


def test_check_warns_of_too_few_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.py").write_text("")
    for seeds, warned in (("[11, 12, 13, 14, 15, 16]", False), ("[11, 12, 13, 14, 15]", True)):
        (tmp_path / "s.toml").write_text(STUDY.replace("[11, 12, 13, 14, 15, 16]", seeds))
        print_study(tmp_path / "s.toml")
        assert ("5 pairs cannot prove" in capsys.readouterr().out) == warned
