"""The examples run as they stand, without a wrapper script, and leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.agent.study.file import StudyFileError, load_study

TRIMTAB = Path(sys.executable).with_name("trimtab")
EXAMPLES = ("gcc-flags", "scikit-learn", "training", "hyperfine", "redis", "nginx", "code-python")


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
        cwd=root, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "4 complete" in done.stdout or "pruned" in done.stdout
    assert "Traceback" not in done.stderr
    assert files_of(root / "examples" / name) == before
