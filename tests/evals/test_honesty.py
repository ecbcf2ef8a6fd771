"""The audit of honesty: worlds know the truth, methods only measure, and the table says what came."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest

from trimtab.evals.honesty import audit, methods
from trimtab.evals.honesty.audit import Outcome, markdown, read, rows, run_one
from trimtab.evals.honesty.methods import EVALUATIONS
from trimtab.evals.honesty.worlds import World, worlds

WORLDS = {each.name: each for each in worlds()}
NOTHING, QUIET = "A/A, normal noise", "systems/PostgreSQL, 0% noise"


def test_there_are_four_kinds_of_nothing_and_each_system_under_three_levels() -> None:
    groups = [each.group for each in worlds()]
    assert sum(each.startswith("nothing matters") for each in groups) == 4
    assert groups.count("measured systems, 30% noise") == groups.count("measured systems, 0% noise") == 6


def test_a_world_tells_methods_less_than_it_knows() -> None:
    quiet, noisy = WORLDS[QUIET], WORLDS["systems/PostgreSQL, 30% noise"]
    default = quiet.study.space.default
    assert quiet.measuring(1)(default) == pytest.approx(quiet.truth(default))
    measure = noisy.measuring(1)
    logs = [math.log(measure(default) / noisy.truth(default)) for _ in range(400)]
    assert sum(each * each for each in logs) / 400 == pytest.approx(0.09, rel=0.2)
    assert noisy.measuring(1)(default) == noisy.measuring(1)(default)
    assert WORLDS[NOTHING].truth(default) == 1.0


@pytest.mark.parametrize("method", ["trimtab: race and check", "Optuna: best value", "a mean of three"])
def test_without_noise_everybody_is_right(method: str) -> None:
    found = run_one(QUIET, method, 3)
    assert found.improved
    assert found.claimed == pytest.approx(found.true)
    assert found.true > 1
    assert found.evaluations <= EVALUATIONS


def test_where_nothing_matters_only_the_check_says_so() -> None:
    ours = [run_one(NOTHING, "trimtab: race and check", seed) for seed in range(3)]
    others = [run_one(NOTHING, "Optuna: best value", seed) for seed in range(3)]
    assert not any(each.improved for each in ours)
    assert all(each.improved and each.claimed > 1.05 and each.true == 1.0 for each in others)


def test_smac_is_there_where_it_is_installed() -> None:
    assert ("SMAC: incumbent" in methods.methods()) == (find_spec("smac") is not None)


def outcome(method: str, *, improved: bool, claimed: float, true: float) -> Outcome:
    return Outcome("w", "measured systems, 10% noise", method, 0, improved, claimed, true, 70)


def test_the_table() -> None:
    some = [
        outcome("a", improved=True, claimed=1.2, true=1.0),
        outcome("a", improved=True, claimed=1.5, true=1.2),
        outcome("a", improved=True, claimed=1.5, true=1.5),
        outcome("a", improved=False, claimed=1.3, true=1.3),
        outcome("b", improved=False, claimed=1.0, true=1.0),
    ]
    a, b = rows(some)
    assert (a.studies, a.claimed, a.real, a.deployed, a.evaluations) == (4, 0.75, pytest.approx(2 / 3), 1.1, 70)
    assert a.apart == pytest.approx(0.2)
    assert (b.real, b.apart, b.deployed) == (None, None, 1.0)
    text = markdown([a, b])
    assert "| measured systems, 10% noise | a | 4 | 75% | 67% | +20.0% | 1.10x | 70 |" in text
    assert "| b | 1 | 0% | - | - | 1.00x | 70 |" in text


def test_what_was_run_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outcomes.jsonl"
    only: list[World] = [WORLDS[QUIET]]
    monkeypatch.setattr(audit, "worlds", lambda: only)
    monkeypatch.setattr(audit, "methods", lambda: {"a mean of three": methods.mean_of_three})
    first = list(audit.run(1, 1, file))
    assert len(first) == 1
    assert read(file) == first
    changed = json.loads(file.read_text()) | {"claimed": 9.0}
    file.write_text(json.dumps(changed) + "\n")
    assert [each.claimed for each in audit.run(1, 1, file)] == [9.0]
