"""`[code]` as its user has it: check, tune, patch, branch, apply, revert, remeasure, doctor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.tools.sandbox.choice import bubblewrap_problem

TRIMTAB = Path(sys.executable).with_name("trimtab")
pytestmark = pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")


@pytest.fixture
def study(root: Path, tmp_path: Path) -> Path:
    """The example in a repository of its own."""
    folder = tmp_path / "example"
    shutil.copytree(root / "examples" / "code-python", folder, ignore=shutil.ignore_patterns("__pycache__"))
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "base"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def trimtab(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder.parent}/store.db", "GIT_AUTHOR_NAME": "a"}
    environment |= {"GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c"}
    return subprocess.run(
        [str(TRIMTAB), *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_example_from_check_to_branch(study: Path) -> None:
    checked = trimtab(study, "check", "study.toml")
    assert "may be edited: search.py, only distance, index, search" in checked.stdout
    tuned = trimtab(study, "tune", "study.toml", "--planner", "offline", "--trials", "5")
    assert tuned.returncode == 0, tuned.stderr
    assert "an edit of search.py" in tuned.stdout
    assert "the code: as it was -> edited" in tuned.stdout
    assert git(study, "status", "--porcelain") == ""

    split = json.loads(trimtab(study, "patch", "word-search", "--pairs", "6", "--json").stdout)
    assert split["split"]["code"]["low"] > 1.5
    assert "+@cache\n" in split["diff"]
    again = trimtab(study, "remeasure", "word-search", "--trial", "1", "--repeats", "1")
    assert (again.returncode, "again: " in again.stdout) == (0, True)

    branched = trimtab(study, "patch", "word-search", "--no-measure", "--branch", "tuned")
    assert branched.returncode == 0, branched.stderr
    assert git(study, "status", "--porcelain") == ""
    assert git(study, "diff", "--stat", "HEAD", "tuned").startswith(" program/search.py | 4 ++++")
    twice = trimtab(study, "patch", "word-search", "--no-measure", "--branch", "tuned")
    assert (twice.returncode, "there is a branch 'tuned' already" in twice.stderr) == (2, True)

    before = (study / "program" / "search.py").read_bytes()
    refused = trimtab(study, "patch", "word-search", "--no-measure", "--apply")
    assert refused.returncode == 2
    assert (study / "program" / "search.py").read_bytes() == before
    assert trimtab(study, "patch", "word-search", "--no-measure", "--apply", "--yes").returncode == 0
    assert b"@cache" in (study / "program" / "search.py").read_bytes()
    late = trimtab(study, "patch", "word-search", "--no-measure")
    assert (late.returncode, "is no longer what it was" in late.stderr) == (2, True)
    assert trimtab(study, "apply", "--revert", "program/search.py", "--yes").returncode == 0
    assert (study / "program" / "search.py").read_bytes() == before


def test_a_trial_without_an_edit_has_no_patch_and_a_study_that_is_not_there_neither(study: Path) -> None:
    trimtab(study, "tune", "study.toml", "--planner", "none", "--trials", "2")
    for words in (
        ["patch", "word-search", "--trial", "0"],
        ["patch", "none"],
        ["remeasure", "word-search", "--trial", "9"],
    ):
        found = trimtab(study, *words)
        assert (found.returncode, found.stderr.count("\n")) == (2, 1)


def test_without_a_sandbox_nothing_runs_unasked(study: Path) -> None:
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(
        text.replace("[evaluation]", '[evaluation]\nisolation = "none"').replace("cpu_s", "wall_s")
    )
    found = trimtab(study, "tune", "study.toml", "--planner", "none", "--trials", "1")
    assert (found.returncode, "--allow-unsandboxed allows it" in found.stderr) == (2, True)
    allowed = trimtab(study, "tune", "study.toml", "--planner", "none", "--trials", "1", "--allow-unsandboxed")
    assert allowed.returncode == 0
    assert "weaker sandbox: NOT isolated" in allowed.stdout + allowed.stderr


def test_the_doctor_attacks_it(study: Path) -> None:
    found = trimtab(study, "doctor", "--attacks", "strict", "--json")
    attacks = json.loads(found.stdout)["attacks"]
    assert found.returncode == 0
    assert len(attacks) >= 50 and set(attacks.values()) == {"held"}
    assert trimtab(study, "doctor", "--attacks", "none").returncode == 2
