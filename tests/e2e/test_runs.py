"""Runs in a terminal are in the registry: seen and steered from elsewhere."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trimtab.agent.memory.store import Store

TRIMTAB = str(Path(sys.executable).parent / "trimtab")
STUDY = """
[study]
name = "seen"
[parameters]
x = { type = "float", low = 0, high = 1, default = 0.5 }
[[objectives]]
metric = "seconds"
direction = "minimize"
[evaluation]
command = ["python3", "{study_dir}/program.py", "{x}"]
[budget]
trials = 500
"""


def until(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert done()


def asked(*words: str) -> str:
    done = subprocess.run([TRIMTAB, *words], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_a_run_in_a_terminal_is_seen_paused_and_stopped_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import sys, time\ntime.sleep(0.05)\nprint('{\"seconds\": ' + sys.argv[1] + '}')\n"
    )
    (tmp_path / "study.toml").write_text(STUDY)
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    words = [TRIMTAB, "tune", "study.toml", "--planner", "none", "--store", url]
    store = Store(url)
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        until(lambda: store.runs() and store.runs()[0].study and len(store.trials(1)) > 2)
        assert "running   seen-1" in asked("runs", "--store", url)
        assert "paused" in asked("stop", "seen-1", "--pause", "--store", url)
        until(lambda: store.runs()[0].state == "paused")
        time.sleep(0.5)
        count = len(store.trials(1))
        time.sleep(1)
        assert len(store.trials(1)) == count
        assert "going on" in asked("stop", "seen-1", "--resume", "--store", url)
        until(lambda: len(store.trials(1)) > count)
        assert "--resume goes on" in asked("stop", "seen-1", "--store", url)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out[-500:], err[-500:])
    assert store.runs()[0].state == "ended"
    assert asked("runs", "--store", url) == "nothing runs (--all: also what has ended)\n"
    assert "ended     seen-1" in asked("runs", "--all", "--store", url)
    store.close()
