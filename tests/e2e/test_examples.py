"""The examples run as they stand, without a wrapper script, and leave nothing behind."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Setup
from trimtab.agent.run.session import Session
from trimtab.agent.study.file import StudyFileError, load_study

TRIMTAB = Path(sys.executable).with_name("trimtab")
EXAMPLES = ("gcc-flags", "scikit-learn", "training", "hyperfine", "redis", "nginx", "code-python", "circle-packing")


def files_of(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if "__pycache__" not in file.parts}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_documented_and_right(root: Path, name: str) -> None:
    """Programs that are not installed are told by the check; nothing else may be."""
    folder = root / "examples" / name
    try:
        study = load_study(folder / "study.toml")
    except StudyFileError as error:
        assert "was not found" in str(error)  # noqa: PT017
        return
    assert study.study.description
    assert all(parameter.description for parameter in study.parameters.values())
    assert f"examples/{name}/study.toml" in study.text.partition("[study]")[0]


@pytest.mark.services
@pytest.mark.parametrize("name", ["gcc-flags", "training", "redis"])
def test_an_example_runs(root: Path, tmp_path: Path, name: str) -> None:
    before = files_of(root / "examples" / name)
    done = subprocess.run(
        [str(TRIMTAB), "tune", f"examples/{name}/study.toml", "--trials", "4", "--planner", "offline",
         "--store", f"sqlite:///{tmp_path}/store.db"],
        cwd=root, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "4 complete" in done.stdout or "pruned" in done.stdout
    assert "Traceback" not in done.stderr
    assert files_of(root / "examples" / name) == before


def compiled(folder: Path, source: str, *flags: str) -> Path:
    (folder / "nbody.c").write_text(source)
    subprocess.run(["gcc", "-O1", *flags, "nbody.c", "-o", "nbody", "-lm"], cwd=folder, check=True)
    return folder


@pytest.mark.services
def test_the_judge_of_the_c_program_takes_other_orders_of_sums_and_nothing_else(root: Path, tmp_path: Path) -> None:
    example = root / "examples" / "gcc-flags"
    source = (example / "program" / "nbody.c").read_text()
    python = sys.executable
    subprocess.run([python, example / "make_input.py", "5", tmp_path], check=True)

    def judged(text: str, *flags: str) -> str:
        folder = compiled(tmp_path, text, *flags)
        subprocess.run(["./nbody", "."], cwd=folder, check=True)
        words = [python, str(example / "judge.py"), str(folder), str(folder)]
        return subprocess.run(words, capture_output=True, text=True, check=False).stderr

    assert judged(source, "-ffast-math", "-DTILE=64") == ""
    assert judged(source.replace("pow(r2, 1.5)", "(r2 * sqrt(r2))")) == ""
    assert "wrong: a body is" in judged(
        source.replace("static double x", "static float x").replace('%lf", &x', '%f", &x')
    )
    assert "wrong: a body is" in judged(source.replace("i < steps", "i < steps - 1"))
    assert "positions of shape" in judged(source.replace("i < bodies; i++) fprintf", "i < 3; i++) fprintf"))
    (tmp_path / "positions.txt").write_text("\n".join(["nan nan nan"] * 512))
    words = [python, str(example / "judge.py"), str(tmp_path), str(tmp_path)]
    assert "wrong" in subprocess.run(words, capture_output=True, text=True, check=False).stderr


@pytest.mark.services
async def test_without_a_model_the_c_program_is_edited(root: Path, store: Store) -> None:
    less = {
        "evaluation": {"check_seeds": [101, 102, 103, 104, 105, 106]},
        "check": {"ablation": False, "minimal": False, "race": 1},
        "budget": {"trials": 3},
        "planner": {"name": "offline"},
    }
    study = load_study(root / "examples" / "gcc-flags" / "study.toml", less)
    session = Session.open(Setup(study, store))
    async with contextlib.aclosing(session.run()) as stream:
        last = [event async for event in stream][-1]
    assert isinstance(last, events.StudyFinished)
    base, *others = store.trials(1)
    edited = [trial for trial in others if trial.candidate.patch is not None]
    assert edited and all(trial.state == "complete" for trial in edited)
    assert edited[0].metrics["cpu_s"] < base.metrics["cpu_s"]
