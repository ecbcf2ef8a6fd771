"""The installed program where things are not as usual: closed streams, full disks, odd homes, odd locales, no answer."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
TRIMTAB = str(Path(sys.executable).parent / "trimtab")
STUDY = """
[study]
name = "quick"
[parameters.x]
type = "int"
low = 0
high = 9
default = 9
[parameters.flag]
type = "categorical"
choices = ["-O2", "=1+1"]
default = "-O2"
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "-c", "print('{{\\"loss\\": {x}}}')", "{flag}"]
check_seeds = [101, 102, 103, 104, 105, 106]
[budget]
trials = 4
[check]
ablation = false
[planner]
name = "none"
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder / 'store.db'}", **more}


def trimtab(folder: Path, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which trimtab is on the path."""
    path = f"{Path(TRIMTAB).parent}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment(folder, PATH=path, **more), capture_output=True, text=True, errors="replace", timeout=120)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study that has been run."""
    found = tmp_path_factory.mktemp("odd")
    (found / "study.toml").write_text(STUDY)
    done = trimtab(found, "trimtab tune study.toml")
    assert done.returncode == 0, done.stderr
    return found


FULL = ["--version", "studies", "show quick", "export quick --csv -", "schema", "check study.toml", "tune study.toml", "tune study.toml --json"]  # fmt: skip


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_behind_the_output_is_one_line(folder: Path, command: str) -> None:
    done = trimtab(folder, f"trimtab {command} > /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("command", ["show quick --all", "export quick --json -", "schema", "tune study.toml --json"])
def test_a_reader_that_has_had_enough_hears_no_complaint(folder: Path, command: str) -> None:
    done = trimtab(folder, f"trimtab {command} | head -c 1")
    assert (done.stdout[:1] != "", done.stderr) == (True, "")


def test_what_was_measured_before_the_output_ended_is_kept(folder: Path) -> None:
    trimtab(folder, "trimtab tune study.toml --json > /dev/full")
    newest = trimtab(folder, "trimtab studies").stdout
    assert "running" not in newest
    assert trimtab(folder, "trimtab tune study.toml --resume").returncode == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_disturb_nothing(folder: Path, closed: str) -> None:
    assert trimtab(folder, f"trimtab tune study.toml --json {closed}").returncode == 0
    assert trimtab(folder, "trimtab studies").returncode == 0, "nothing was written into the store instead"


def test_other_encodings_lose_no_line_and_no_json(folder: Path) -> None:
    odd = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    (folder / "odd.py").write_text("import json, sys\nprint(json.dumps({'l\\u00f6ss': int(sys.argv[1])}))")
    study = re.sub("command = .*", 'command = ["{python}", "{study_dir}/odd.py", "{x}", "{flag}"]', STUDY)
    study = study.replace('"loss"', '"l\u00f6ss"').replace("quick", "other")
    (folder / "odd.toml").write_text(study, encoding="utf-8")
    done = trimtab(folder, "trimtab tune odd.toml --json", **odd)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(found[-1]["best"]["metrics"]) == ["l\u00f6ss"]
    (folder / "worse.toml").write_text(study.replace("-O2", "\u00f6"), encoding="utf-8")
    failed = trimtab(folder, "trimtab tune worse.toml", **odd)
    assert "cannot be written in this locale" in failed.stdout
    shown = trimtab(folder, "trimtab show other", **odd)
    assert (shown.returncode, shown.stderr) == (0, "")
    missing = trimtab(folder, "trimtab check $'caf\\xe9.toml'", **odd)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("home", ["/proc/nowhere", "relative", ""])
def test_a_home_that_cannot_be_used_is_one_line_with_the_way_out(folder: Path, tmp_path: Path, home: str) -> None:
    unset = "unset TRIMTAB_STORE XDG_DATA_HOME;"
    done = trimtab(tmp_path, f"{unset} trimtab studies", HOME=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "TRIMTAB_STORE" in done.stderr
    assert list(tmp_path.iterdir()) == []
    with_store = trimtab(folder, "unset XDG_DATA_HOME; trimtab tune study.toml", HOME=home)
    assert with_store.returncode == 0, with_store.stderr


def test_apply_asks_nobody_in_a_pipe(folder: Path) -> None:
    file = folder / "asked.json"
    for answer in ("n", "y"):
        done = trimtab(folder, f"echo {answer} | trimtab apply quick asked.json --trial 1")
        assert (done.returncode, file.exists()) == (2, False)
        assert "--yes" in done.stderr
    assert trimtab(folder, "trimtab apply quick asked.json --trial 1 --yes < /dev/null").returncode == 0
    assert set(json.loads(file.read_text())) == {"x", "flag"}


@pytest.mark.parametrize(("answer", "code", "written"), [("n\n", 1, False), ("\n", 1, False), ("y\n", 0, True)])
def test_apply_asks_the_person_at_the_terminal(
    folder: Path, tmp_path: Path, answer: str, code: int, written: bool
) -> None:
    master, terminal = pty.openpty()
    os.write(master, answer.encode())
    words = [TRIMTAB, "apply", "quick", str(tmp_path / "a.json"), "--trial", "1"]
    done = subprocess.run(words, stdin=terminal, capture_output=True, env=environment(folder), timeout=60)
    os.close(terminal)
    os.close(master)
    assert (done.returncode, (tmp_path / "a.json").exists()) == (code, written)
    assert b'+  "x":' in done.stderr, "what would be written is shown first"


def test_tune_apply_hears_a_pipe_that_says_no(folder: Path) -> None:
    done = trimtab(folder, "echo n | trimtab tune study.toml --apply refused.json")
    assert (done.returncode, (folder / "refused.json").exists()) == (0, False), done.stderr
    assert trimtab(folder, "trimtab tune study.toml --apply taken.json < /dev/null").returncode == 0
    assert (folder / "taken.json").exists()


def test_no_cell_of_an_export_is_a_formula(folder: Path) -> None:
    rows = trimtab(folder, "trimtab export quick --csv -").stdout.splitlines()
    assert any(",'-O2," in row for row in rows)
    assert not any(",-O2," in row or ",=1" in row for row in rows)
