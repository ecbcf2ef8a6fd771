"""A program that never works, tuned from a script and at a terminal."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
TRIMTAB = str(Path(sys.executable).parent / "trimtab")

STUDY = """
[study]
name = "broken"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 1.0
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "{study_dir}/program.py", "{x}"]
check_seeds = [101, 102, 103, 104, 105]
[budget]
trials = 9
give_up = 3
[planner]
name = "none"
[check]
ablation = false
"""
PROGRAM = """
import json, pathlib, sys
print(json.dumps({"loss": float(sys.argv[1]) ** 2}) if "mended" in __file__ else sys.exit("no such table"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder / 'store.db'}"}


def trimtab(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRIMTAB, *words], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120
    )


def test_a_script_is_told_and_can_go_on_when_the_program_is_mended(folder: Path) -> None:
    done = trimtab(folder, "tune", "study.toml")
    assert done.returncode == 1
    assert "the default and the next 2 trials failed alike: exit status 1: no such table" in done.stdout
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    (folder / "program.py").write_text(PROGRAM.replace('"mended" in __file__', "True"))
    again = trimtab(folder, "tune", "study.toml", "--resume")
    assert again.returncode == 0, again.stderr
    assert "9 trials" in again.stdout
    shown = trimtab(folder, "tune", "study.toml", "--resume")
    assert shown.returncode == 0
    assert "check of loss" in shown.stdout
    assert "measured" not in shown.stdout.replace("nothing measured", "")


@pytest.mark.parametrize(("answer", "trials", "code"), [(b"n\n", 3, 1), (b"y\n", 6, 1), (b"\x03", 3, 130)])
def test_a_person_at_a_terminal_is_asked(folder: Path, answer: bytes, trials: int, code: int) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [TRIMTAB, "tune", "study.toml"],
        cwd=folder,
        env=environment(folder),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_the_terminal,
    ) as process:
        os.close(theirs)
        seen = _read_until(ours, b"[y/N]")
        os.write(ours, answer)
        if answer == b"y\n":
            seen += _read_until(ours, b"[y/N]")
            os.write(ours, b"\n")
        seen += _read_until(ours, None)
        assert process.wait(60) == code, seen.decode()
    os.close(ours)
    shown = trimtab(folder, "show", "broken").stdout
    assert f"{trials} failed" in shown


def _take_the_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, wanted: bytes | None) -> bytes:
    found, deadline = b"", time.monotonic() + 60
    while wanted is None or wanted not in found:
        assert time.monotonic() < deadline, found.decode()
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        found += chunk
    return found
