"""The minimal configuration in the installed program: told, applied first, switched off, and safe from kills."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from trimtab.agent.memory.store import Store
from trimtab.tools.targets.scratch import remove_leftovers

TRIMTAB = Path(sys.executable).with_name("trimtab")
_PROGRAM = """
import random, sys
a, b, c, d, seed = (int(each) for each in sys.argv[1:])
level = (0.5 if a > 4 else 1.0) * (0.7 if b > 4 else 1.0) * (1.05 if d > 4 else 1.0)
print("loss", level * random.Random(f"{a} {b} {c} {d} {seed}").lognormvariate(0, 0.005))
"""
_PARAMETER = '[parameters.{0}]\ntype = "int"\nlow = 0\nhigh = 9\ndefault = 0\n'
_STUDY = """
[study]
name = "small"

{parameters}
[[objectives]]
metric = "loss"
direction = "minimize"

[evaluation]
command = "{{python}} {{study_dir}}/program.py {{a}} {{b}} {{c}} {{d}} {{seed}}"
patterns = {{ loss = "loss (.*)" }}

[check]
{check}

[planner]
name = "none"

[budget]
trials = 25
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(_PROGRAM)
    write(tmp_path, "")
    return tmp_path


def write(folder: Path, check: str) -> None:
    parameters = "\n".join(_PARAMETER.format(name) for name in "abcd")
    (folder / "study.toml").write_text(_STUDY.format(parameters=parameters, check=check))


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder}/store.db"}


def trimtab(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(TRIMTAB), *words]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=240, check=False
    )


def test_what_does_not_help_is_dropped_told_and_left_out_of_the_file(folder: Path) -> None:
    done = trimtab(folder, "tune", "study.toml")
    assert done.returncode == 0, done.stderr
    assert "minimal: " in done.stdout
    told = done.stdout.partition("without what was not seen to help (")[2]
    assert "as good: not worse than the whole incumbent beyond its interval" in told
    assert "how to apply it, without what was not seen to help:" in told
    assert "(--full: the whole incumbent)" in told
    assert trimtab(folder, "apply", "small", "less.json", "--yes").returncode == 0
    assert trimtab(folder, "apply", "small", "all.json", "--yes", "--full").returncode == 0
    less, whole = (json.loads((folder / name).read_text()) for name in ("less.json", "all.json"))
    assert less != whole
    assert {name: value for name, value in less.items() if value != whole[name]} == {
        name: 0 for name in less if less[name] != whole[name]
    }
    assert less["a"] > 4
    assert less["b"] > 4
    for options, expected in (((), less), (("--full",), whole)):
        verified = trimtab(folder, "verify", "small", "--json", *options)
        assert verified.returncode == 0, verified.stderr
        assert json.loads(verified.stdout)["configuration"] == expected
    assert "without what was not seen to help against the default" in trimtab(folder, "verify", "small").stderr
    shown = trimtab(folder, "show", "small").stdout
    assert "without what was not seen to help" in shown
    for form, heading in (("html", "<h2>Without what was not seen to help</h2>"), ("md", "Without what was not seen")):
        assert trimtab(folder, "report", "small", "--format", form, "--output", f"report.{form}").returncode == 0
        page = (folder / f"report.{form}").read_text()
        assert heading in page
        assert "As good: not worse than the whole incumbent" in page


@pytest.mark.parametrize("check", ["minimal = false", "ablation = false"])
def test_it_can_be_switched_off(folder: Path, check: str) -> None:
    write(folder, check)
    done = trimtab(folder, "tune", "study.toml", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["check"]["improved"]
    assert events[-1]["minimal"] is None
    assert {each["phase"] for each in events if each["event"] == "check_progressed"} <= {"race", "check", "ablation"}
    assert trimtab(folder, "apply", "small", "all.json", "--yes").returncode == 0
    assert json.loads((folder / "all.json").read_text()) == events[-1]["best"]["configuration"]


def test_a_kill_in_the_middle_of_it_repeats_nothing(folder: Path) -> None:
    command = [TRIMTAB, "tune", "study.toml", "--json"]
    with subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "check_progressed" and (event["phase"], event["done"]) == ("minimal", 7):
                process.send_signal(signal.SIGKILL)
    done = trimtab(folder, "tune", "study.toml", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["minimal"]
    assert found["accepted"], found
    assert found["checks"][0]["pairs"] == 10
    store = Store(f"sqlite:///{folder}/store.db")
    try:
        (stored,) = store.studies()
        counts = Counter(
            {
                purpose: len(store.evaluations(stored.id, purpose))
                for purpose in store.purposes(stored.id)
                if purpose.startswith("minimal")
            }
        )
    finally:
        store.close()
    assert set(counts.values()) == {30}
    remove_leftovers()
