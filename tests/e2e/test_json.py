"""What scripts read: `check --json` and `show --json`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRIMTAB = Path(sys.executable).with_name("trimtab")
_STUDY = """
[study]
name = "small"

[parameters.a]
type = "int"
low = 0
high = 9
default = {default}

[[objectives]]
metric = "loss"
direction = "minimize"

[evaluation]
command = "{{python}} -c 'import sys; print(\\"loss\\", {program})' {{a}} {{seed}}"
patterns = {{ loss = "loss (.*)" }}
check_seeds = [101, 102]

[planner]
name = "none"

[budget]
trials = 3
"""


def study(folder: Path, default: str = "0", program: str = "1 + int(sys.argv[1])") -> None:
    (folder / "study.toml").write_text(_STUDY.format(default=default, program=program))


def told(folder: Path, *words: str, code: int = 0) -> Any:
    """Return the one JSON object that a command prints."""
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder}/store.db"}
    done = subprocess.run(
        [TRIMTAB, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (code, "")
    return json.loads(done.stdout)


def test_a_study_that_is_fine(tmp_path: Path) -> None:
    study(tmp_path)
    found = told(tmp_path, "check", "study.toml", "--json")
    assert (found["ok"], found["study"], found["configurations"], found["trials"]) == (True, "small", 10, 3)
    assert found["parameters"]["a"]["default"] == 0
    assert found["objectives"][0]["metric"] == "loss"
    assert "2 pairs cannot prove an improvement" in found["notes"][0]
    assert "default" not in found


def test_a_study_with_mistakes(tmp_path: Path) -> None:
    study(tmp_path, default="77")
    found = told(tmp_path, "check", "study.toml", "--json", code=2)
    assert not found["ok"]
    (mistake,) = found["mistakes"]
    assert mistake["file"] == "study.toml"
    assert mistake["line"] > 1
    assert mistake["field"].startswith("parameters.a")
    assert "77" in mistake["message"]


@pytest.mark.parametrize(("program", "code"), [("1 + int(sys.argv[1])", 0), ("1 / 0", 1)])
def test_the_default_is_tried(tmp_path: Path, program: str, code: int) -> None:
    study(tmp_path, program=program)
    found = told(tmp_path, "check", "study.toml", "--run", "--json", code=code)
    assert found["ok"] is (code == 0)
    assert found["default"]["state"] == ("complete" if code == 0 else "failed")
    assert found["default"]["metrics"] == ({"loss": 1.0} if code == 0 else {})


def test_a_stored_study_and_a_trial(tmp_path: Path) -> None:
    study(tmp_path)
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    subprocess.run([TRIMTAB, "tune", "study.toml"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    found = told(tmp_path, "show", "small", "--json")
    assert found["study"] == "small-1"
    assert [each["number"] for each in found["trials"]] == [0, 1, 2]
    assert found["result"]["default"] is not None
    one = told(tmp_path, "show", "small", "--trial", "0", "--json")
    assert (one["study"], one["number"], one["configuration"]) == ("small-1", 0, {"a": 0})
    assert one["evaluations"][0]["metrics"] == {"loss": 1.0}
    assert one["evaluations"][0]["seed"] == 1
