"""A study whose program is edited, killed with SIGKILL at random moments: it goes on, ends alike, and touches nothing."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.memory.store import Store
from trimtab.tools.sandbox.choice import bubblewrap_problem

TRIMTAB = Path(sys.executable).with_name("trimtab")
pytestmark = pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")

IDEAS = [
    ("good", "    return 100.0 / k\n", "    return 10.0 / k\n"),
    ("a near-duplicate", "    return 100.0 / k\n", "    return (10.0/k)  # the same\n"),
    ("broken", "    return 100.0 / k\n", "    return 10.0 /\n"),
    ("nowhere", "    return 999\n", "    return 1\n"),
    ("too large", "    return 100.0 / k\n", "    return 0\n" * 30),
    ("fails the guard", "    return 100.0 / k\n", "    return -1.0\n"),
    ("malicious", "    return 100.0 / k\n", "    open('part.py', 'w').write('x')\n    return 10.0 / k\n"),
    ("forged", "    return 100.0 / k\n", "    return 0.1 / k\n"),
]
STUDY = """
[study]
name = "killed"
[parameters]
k = { type = "int", low = 1, high = 40, default = 1 }
[code]
project = "src"
editable = ["part.py"]
guard = "{python} check.py"
judge = "sh {study_dir}/judge.sh {output}"
output = ["out.txt"]
floor = 0.2
max_lines = 20
[evaluation]
command = "{python} {code}/main.py {k}"
check_seeds = [101, 102, 103, 104, 105, 106]
[planner]
name = "recorded"
ideas = "ideas.json"
[sampler]
name = "random"
[check]
minimal = false
[budget]
trials = 8
[[objectives]]
metric = "cost"
direction = "minimize"
"""
FILES = {
    "study.toml": STUDY,
    "judge.sh": 'read -r cost < $1/out.txt\necho "{\\"cost\\": $cost}"\n',
    "src/part.py": "def cost(k):\n    return 100.0 / k\n",
    "src/main.py": "import sys\nfrom part import cost\nopen('out.txt', 'w').write(str(cost(int(sys.argv[1]))))\n",
    "src/check.py": "from part import cost\nassert cost(1) > 0\n",
    "ideas.json": json.dumps(
        {
            "rounds": [
                [
                    {"rationale": why, "edits": [{"file": "part.py", "search": search, "replace": replace}]}
                    for why, search, replace in IDEAS
                ]
            ]
        }
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The study in a repository of its own."""
    found = tmp_path / "study"
    (found / "src").mkdir(parents=True)
    for name, text in FILES.items():
        (found / name).write_text(text)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "base"]):
        subprocess.run(["git", *words], cwd=found, check=True)
    return found


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    return {str(each.relative_to(folder)): (each.stat().st_mode, each.read_bytes()) for each in files}


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder.parent}/store.db"}
    environment["TMPDIR"] = str(folder.parent / "tmp")
    (folder.parent / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [str(TRIMTAB), "tune", "study.toml", "--json", *words],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def killed(folder: Path, after: int, delay_s: float) -> None:
    """Run until some events were seen, and a moment longer; then kill it at once."""
    process = start(folder)
    assert process.stdout is not None
    for _event in zip(range(after), process.stdout, strict=False):
        pass
    time.sleep(delay_s)
    process.kill()
    process.communicate(timeout=60)


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRIMTAB_KILLS", "2"))))
def test_after_kill_9_it_ends_with_the_good_edit_and_a_working_tree_that_is_byte_identical(
    folder: Path, seed: int
) -> None:
    chance, before = random.Random(seed), contents(folder)
    killed(folder, chance.randrange(1, 45), chance.random() * 0.3)
    assert contents(folder) == before
    process = start(folder, "--resume")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert contents(folder) == before
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    best = events[-1]["best"]
    assert events[-1]["event"] == "study_finished" and events[-1]["check"]["improved"]
    assert best["edit"].startswith("an edit of part.py (1 lines")
    assert best["metrics"]["cost"] == pytest.approx(10 / best["configuration"]["k"])
    store = Store(f"sqlite:///{folder.parent}/store.db")
    trials = store.trials(store.study("killed-1").id)
    store.close()
    assert [trial.number for trial in trials] == list(range(8))
    assert {trial.state for trial in trials} <= {"complete", "failed"}
    reasons = {trial.rationale: trial.reason or "" for trial in trials if trial.state == "failed"}
    assert set(reasons) <= {"fails the guard", "malicious", "forged", ""}
    for why, words in (("fails the guard", "guard '{python} check.py'"), ("forged", "suspect: cost")):
        assert words in reasons.get(why, words)
    assert not {trial.rationale for trial in trials} & {"broken", "nowhere", "too large", "a near-duplicate"}
    assert not list((folder.parent / "tmp").iterdir()), "copies of the project were left behind"
    shutil.rmtree(folder.parent / "tmp")
