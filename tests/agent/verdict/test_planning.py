"""What a budget can prove, told before: the stated power is right, and costs are those of the phases."""

import json
import math
import random
from pathlib import Path

import pytest

from trimtab.agent.faces.commands.plan import print_plan
from trimtab.agent.statistics import gain_ratio
from trimtab.agent.testing import make_study
from trimtab.agent.verdict.planning import noise_of, plan
from trimtab.tools.errors import TrimtabError


def quiet(spread: float, pairs: int = 40, seed: int = 1) -> list[tuple[float, float]]:
    rng = random.Random(seed)
    return [(100 * math.exp(rng.gauss(0, spread)), 100 * math.exp(rng.gauss(0, spread))) for _ in range(pairs)]


def test_the_spread_is_that_of_one_pair() -> None:
    found = noise_of(quiet(0.03, 400), [1.0] * 800)
    assert found.spread == pytest.approx(0.03 * math.sqrt(2), rel=0.15)
    assert found.relative
    assert not found.drifts
    assert noise_of([(-1.0, 1.0), (2.0, -2.0)], [1.0]).relative is False


def test_drift_and_outliers_are_told() -> None:
    drifting = [(100.0 + i, 100.5 + i) for i in range(20)]
    assert noise_of(drifting, [1.0]).drifts
    assert noise_of([*quiet(0.01), (100.0, 300.0)], [1.0]).tails


@pytest.mark.parametrize("pairs", [6, 10, 20])
def test_the_stated_gain_is_proven_four_times_in_five(pairs: int) -> None:
    """Within five points, by simulated studies."""
    study = make_study(
        evaluation={
            "command": ["true", "{x}", "{n}", "{mode}", "{burst}"],
            "check_seeds": list(range(100, 100 + pairs)),
        }
    )
    found = plan(study, noise_of(quiet(0.03, 2000), [1.0]))
    assert found.smallest is not None
    rng, proven, runs = random.Random(5), 0, 800
    for _ in range(runs):
        before = [100 * math.exp(rng.gauss(0, 0.03)) for _ in range(pairs)]
        after = [100 / (1 + found.smallest) * math.exp(rng.gauss(0, 0.03)) for _ in range(pairs)]
        ratio = gain_ratio(study.objectives[0], before, after)
        assert ratio is not None
        proven += ratio.low > 1
    assert abs(proven / runs - 0.8) <= 0.05


def test_costs_of_the_phases() -> None:
    study = make_study(
        evaluation={
            "command": ["true", "{x}", "{n}", "{mode}", "{burst}"],
            "repeats": 3,
            "workers": 2,
            "check_seeds": [101, 102, 103, 104, 105, 106],
        },
        budget={"trials": 20},
        check={"ablation": True, "ablation_repeats": 2},
    )
    found = plan(study, None, seconds=2.0)
    assert found.evaluations == {
        "search": 60,
        "race": 6 * 4,
        "check": 12,
        "ablation": 2 * 5 + 4,
        "minimal": 2 * 3 * 6,
    }
    assert found.seconds == {"search": 60.0, "race": 48.0, "check": 24.0, "ablation": 28.0, "minimal": 72.0}
    assert plan(study, None, seconds=20.0).evaluations["minimal"] == 0  # 720 s are not spent unasked
    assert found.smallest is None
    assert plan(make_study(check={"ablation": False}), None).evaluations["ablation"] == 0
    assert plan(
        make_study(evaluation={"command": ["true", "{x}", "{n}", "{mode}", "{burst}"], "check_seeds": [101]}), None
    ).hopeless


def test_without_noise_everything_can_be_proven() -> None:
    found = plan(make_study(), noise_of([(10.0, 10.0)] * 6, [1.0]))
    assert found.smallest == 0
    assert not found.hopeless


PROGRAM = """
import json, math, sys, time, random
time.sleep(0.02)
print(json.dumps({"loss": 10 * math.exp(random.Random(time.time_ns()).gauss(0, NOISE))}))
"""
STUDY = """
[study]
name = "planned"
[parameters.x]
type = "float"
low = 0.0
high = 1.0
default = 0.5
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "{study_dir}/p.py", "{x}"]
isolation = "process"
"""


def test_the_command_measures_the_default_against_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    (tmp_path / "s.toml").write_text(STUDY)
    (tmp_path / "p.py").write_text(PROGRAM.replace("NOISE", "0.005"))
    assert print_plan(tmp_path / "s.toml", url, pairs=0, as_json=False)
    out = capsys.readouterr().out
    assert "the noise is not known" in out
    assert "check     20 evaluations" in out
    assert print_plan(tmp_path / "s.toml", url, pairs=8, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["noise"]["pairs"] == 8
    assert 0.0005 < told["smallest"] < 0.05
    assert print_plan(tmp_path / "s.toml", url, pairs=6, as_json=False)
    assert "the smallest gain that the check proves four times in five" in capsys.readouterr().out
    (tmp_path / "p.py").write_text(PROGRAM.replace("NOISE", "2"))
    assert not print_plan(tmp_path / "s.toml", url, pairs=8, as_json=False)
    assert "can hardly prove anything" in capsys.readouterr().out
    (tmp_path / "p.py").write_text("import sys; sys.exit('no disk')")
    with pytest.raises(TrimtabError, match="no disk"):
        print_plan(tmp_path / "s.toml", url, pairs=2, as_json=False)
