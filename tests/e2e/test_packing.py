"""The example of 26 circles: its judge refuses what is no packing, a strong edit is accepted, a forged one never."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Setup
from trimtab.agent.run.session import Session
from trimtab.agent.study.file import load_study
from trimtab.tools.sandbox.choice import bubblewrap_problem

Circles = list[list[Any]]
BEST_PUBLISHED = 2.636


@pytest.fixture
def example(root: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "circle-packing"
    shutil.copytree(root / "examples" / "circle-packing", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def packing() -> Circles:
    """Return 26 circles that touch each other: numbers that are exact, so that nothing is lost by rounding."""
    return [[column / 8 + 1 / 16, row / 8 + 1 / 16, 1 / 16] for row in range(4) for column in range(8)][:26]


def judged(example: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(example / "judge.py"), str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_circles_that_touch_are_a_packing(example: Path, tmp_path: Path) -> None:
    (tmp_path / "circles.json").write_text(json.dumps({"circles": packing()}))
    found = judged(example, tmp_path)
    assert (found.returncode, json.loads(found.stdout)) == (0, {"radii": 26 / 16})


def with_circle(circle: Any) -> Callable[[Circles], str]:
    return lambda circles: json.dumps({"circles": [*circles[:-1], circle]})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (lambda _circles: None, "there is no circles.json"),
        (lambda circles: json.dumps({"circles": circles}) + " " * 20_000, "more than 20000"),
        (lambda circles: json.dumps({"circles": circles})[:-2], "is no JSON"),
        (lambda _circles: "[" * 19_000, "is no JSON"),
        (lambda circles: f'{{"circles": [], "circles": {json.dumps(circles)}}}', "a name stands twice"),
        (lambda circles: json.dumps({"circles": circles, "radii": 2.7}), 'it is not {"circles": [...]}'),
        (lambda _circles: "{}", 'it is not {"circles": [...]}'),
        (lambda circles: json.dumps({"circles": circles[:-1]}), "25 circles instead of 26"),
        (lambda circles: json.dumps({"circles": [*circles, [0.9, 0.9, 0.01]]}), "27 circles instead of 26"),
        (with_circle([0.9, 0.9]), "is not [x, y, radius]"),
        (with_circle([0.9, 0.9, "0.05"]), "'0.05' is no number"),
        (with_circle([0.9, 0.9, True]), "True is no number"),
        (with_circle([0.9, 0.9, None]), "None is no number"),
        (with_circle([float("nan"), 0.9, 0.05]), "holds a NaN"),
        (with_circle([0.9, 0.9, float("inf")]), "is infinite"),
        (with_circle([0.9, 0.9, -0.05]), "is not above 0"),
        (with_circle([0.9, 0.9, 0]), "is not above 0"),
        (with_circle([0.97, 0.9, 0.05]), "is not inside of the square"),
        (with_circle([1 - 1 / 16, 0.9, 1 / 16 + 2**-53]), "is not inside of the square"),
        (with_circle([0.5, 0.5, 1e30]), "is not inside of the square"),
        (with_circle([1 / 16, 1 / 16, 0.001]), "overlap"),
        (lambda circles: json.dumps({"circles": [circles[0]] * 26}), "overlap"),
        (lambda circles: with_circle([*circles[-1][:2], 1 / 16 + 2**-56])(circles), "overlap"),
    ],
)
def test_the_judge_refuses_what_is_no_packing(
    example: Path, tmp_path: Path, written: Callable[[Circles], str | None], why: str
) -> None:
    text = written(packing())
    if text is not None:
        (tmp_path / "circles.json").write_text(text)
    found = judged(example, tmp_path)
    assert found.returncode == 1
    assert why in found.stderr
    assert found.stderr.startswith("no packing: ") and found.stderr.count("\n") == 1
    assert found.stdout == ""


FORGED = {
    "larger where it counts": "    import sys\n    return [0.2 if 'main' in sys.argv[0] else 1e-9] * len(places)\n",
    "another file at the end": (
        "    import atexit, pathlib\n"
        "    text = '{\"circles\": ' + str([[0.5, 0.5, float('nan')]] * 26).replace('nan', 'NaN') + '}'\n"
        "    atexit.register(lambda: pathlib.Path('circles.json').write_text(text))\n"
        "    return [1e-9] * len(places)\n"
    ),
    "a metric of its own": (
        "    import atexit\n    atexit.register(lambda: print('{\"radii\": 2.64}'))\n    return [1e-9] * len(places)\n"
    ),
}


def forged(body: str) -> dict[str, Any]:
    text = f"def radii(places, growth):\n{body}"
    return {"rationale": "forged", "edits": [{"file": "pack.py", "region": "radii", "replace": text}]}


@pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")
async def test_the_strong_edit_reaches_its_score_and_no_forged_one_is_accepted(example: Path, store: Store) -> None:
    ideas = json.loads((example / "ideas.json").read_text())
    ideas["rounds"] = [*([forged(body)] for body in FORGED.values()), *ideas["rounds"]]
    (example / "ideas.json").write_text(json.dumps(ideas))
    given = {
        "planner": {"name": "recorded"},
        "gate": {"policy": "planner"},
        "budget": {"trials": 8},
        "check": {"minimal": False, "ablation": False},
    }
    study = load_study(example / "study.toml", given)
    session = Session.open(Setup(study, store))
    async with contextlib.aclosing(session.run()) as stream:
        last = [event async for event in stream][-1]
    assert isinstance(last, events.StudyFinished)
    assert last.best is not None and last.best.edit and last.check is not None
    assert 2.62 < last.best.metrics["radii"] < BEST_PUBLISHED
    assert last.check.improved
    lies = [trial for trial in store.trials(1) if trial.rationale == "forged"]
    assert len(lies) == len(FORGED)
    assert all(trial.metrics.get("radii", 0) < 1e-6 for trial in lies)
    reasons = [trial.reason or "" for trial in lies if trial.state == "failed"]
    assert len(reasons) == 2 and all("judge: exit status 1: no packing: " in reason for reason in reasons)
