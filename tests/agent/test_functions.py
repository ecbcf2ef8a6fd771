"""Functions and their spaces: what `tune` makes of them, and what a result holds."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trimtab.agent import tune
from trimtab.agent.study.file import StudyFileError, load_study
from trimtab.tools.errors import InputError, TrimtabError

SPACE = {"lr": (1e-4, 1.0, "log"), "layers": (1, 8), "kind": ["a", "b"], "fast": bool}
QUIET = {"planner": {"name": "none"}, "check": {"ablation": False}, "sampler": {"name": "random"}}


def how(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"store": f"sqlite:///{tmp_path / 's.db'}", "trials": 6, "sections": QUIET, **more}


def by_name(lr: float, layers: int = 3, kind: str = "b", *, fast: bool = True, seed: int = 0) -> float:
    return abs(lr - 0.01) + abs(layers - 5) + (kind == "b") + (not fast) + 1e-3 * seed + 1


def test_a_function_is_tuned_by_the_names_of_its_arguments(tmp_path: Path) -> None:
    result = tune(by_name, SPACE, **how(tmp_path))
    first = result.rows[0]
    assert (first["layers"], first["kind"], first["fast"], first["source"]) == (3, "b", True, "default")
    assert first["lr"] == pytest.approx(0.01)
    assert len(result.rows) == 6
    assert result.metrics["value"] == min(row["value"] for row in result.rows)
    assert result.check is not None
    assert result.check.verdict


def test_a_dictionary_and_several_metrics_and_maximize(tmp_path: Path) -> None:
    def score(configuration: dict[str, Any]) -> dict[str, float]:
        return {"score": configuration["layers"], "other": 1}

    result = tune(
        score, {"layers": (1, 8)}, **how(tmp_path, metric="score", direction="maximize", default={"layers": 2})
    )
    assert result.rows[0]["layers"] == 2
    assert result.metrics["score"] == max(row["score"] for row in result.rows)


def test_what_a_function_raises_is_a_failed_trial(tmp_path: Path) -> None:
    def fails(layers: int = 2) -> object:
        if layers > 4:
            raise RuntimeError("too deep")
        return "no number" if layers == 1 else layers

    result = tune(fails, {"layers": (1, 8)}, **how(tmp_path, trials=8))
    failed = {trial.configuration["layers"]: trial.reason for trial in result.history.trials if trial.state == "failed"}
    assert "RuntimeError: too deep" in failed.values()
    assert "neither a number nor numbers by name" in str(failed.get(1))


@pytest.mark.parametrize(
    ("space", "more", "said"),
    [
        (None, {}, "a function needs its space"),
        ({"x": 3}, {}, "space['x'] = 3 is not understood"),
        ({"x": (1, 2, "lg")}, {}, "is not understood"),
        ({"x": (2, 1)}, {}, "low"),
        ({"x": (1, 2)}, {"default": {"x": 7}}, "7"),
        ({"x": (1, 2)}, {"sections": {"budget": {"trails": 3}}}, "budget.trails"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, space: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as told:
        tune(lambda x: x, space, **how(tmp_path, **more))
    assert said in str(told.value)


def test_nothing_complete_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrimtabError, match="no complete trial"):
        tune(lambda x: x / 0, {"x": (1, 2)}, **how(tmp_path))


def test_a_result_is_a_table_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tune(by_name, SPACE, **how(tmp_path))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"result\.rows"):
        _ = result.trials
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: ("table", rows)))
    assert result.trials == ("table", result.rows)
    picture = result.plot()
    assert picture._repr_svg_().startswith("<svg")
    assert picture.count("<circle") == 6
    assert "trial 0 (default)" in picture


STUDY = """
[study]
name = "f"
[parameters.lr]
type = "float"
low = 0.0
high = 1.0
default = 0.5
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
python = "mine:train"
isolation = "process"
check_seeds = [11, 12]
[planner]
name = "none"
[budget]
trials = 2
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def train(configuration): ...", ""),
        ("def train(configuration, seed): ...", ""),
        ("def train(lr, *, seed=0): ...", ""),
        ("def train(**parameters): ...", ""),
        ("def train(lr, layers): ...", "train takes 'layers', which is no parameter"),
        ("def train(configuration, sede): ...", "did you mean 'seed'?"),
        ("def tran(lr): ...", "there is no function 'train' in mine.py; did you mean 'tran'?"),
        ("def train(", "mine.py:1"),
        ("from other import train", ""),
    ],
)
def test_the_signature_of_a_python_target_is_checked_before(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    (tmp_path / "study.toml").write_text(STUDY)
    try:
        load_study(tmp_path / "study.toml")
        told = ""
    except StudyFileError as error:
        told = str(error)
    assert said in told
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    "source",
    [
        "def train(configuration, seed): return configuration['lr'] + seed",
        "def train(lr, seed=0): return lr + seed",
        "def train(**given): return given['lr'] + given['seed']",
    ],
)
def test_both_styles_of_a_python_target_are_called(tmp_path: Path, source: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    (tmp_path / "study.toml").write_text(STUDY)
    result = tune(tmp_path / "study.toml", store=f"sqlite:///{tmp_path / 's.db'}")
    assert result.rows[0]["loss"] == 1.5
