"""An objective alone knows direction, target and range; everybody else asks it for words, losses and metrics."""

import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trimtab.agent.budget import Ledger
from trimtab.agent.faces.commands.export import to_optuna
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.profiles import Profile
from trimtab.agent.planners.base import Context
from trimtab.agent.planners.desk import fill_desk
from trimtab.agent.planners.digest import describe_record, stable_part
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.study.goals import Objective
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.prompts import load_variant
from trimtab.tools.analyse import convergence

MINIMIZE: dict[str, Any] = {"metric": "m", "direction": "minimize"}
MAXIMIZE: dict[str, Any] = {"metric": "m", "direction": "maximize"}
TARGET: dict[str, Any] = {"metric": "m", "target": 100.0}
INSIDE: dict[str, Any] = {"metric": "m", "inside": [10.0, 20.0]}
KINDS = [MINIMIZE, MAXIMIZE, TARGET, INSIDE]
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def tried(objective: dict[str, Any], *values: float) -> History:
    """Return a study of this objective whose trials measured these values, the default first."""
    history = History(make_study(objectives=[objective]))
    for number, value in enumerate(values):
        source = DEFAULT if number == 0 else Source("sampler", "tpe")
        configuration = {**history.study.space.default, "n": number + 1}
        trial = Trial(number, source, Candidate(configuration), "complete", {"m": value})
        history.add(trial)
        history.update(trial)
    return history


@pytest.mark.parametrize(
    ("kind", "goal", "name"),
    [
        (MINIMIZE, "minimize", "m"),
        (MAXIMIZE, "maximize", "m"),
        (TARGET, "as close as possible to 100", "distance of m from 100"),
        (INSIDE, "between 10 and 20", "distance of m from 10 to 20"),
    ],
)
def test_the_goal_and_the_loss_have_words(kind: dict[str, Any], goal: str, name: str) -> None:
    objective = Objective(**kind)
    assert (objective.goal, objective.loss_name) == (goal, name)


@given(st.sampled_from(KINDS), NUMBERS, NUMBERS)
def test_a_loss_orders_values_the_way_the_goal_does_and_is_shown_as_it_is_named(
    kind: dict[str, Any], one: float, other: float
) -> None:
    objective = Objective(**kind)
    if objective.aim is None:
        assert objective.metric_of(objective.loss(one)) == one
        better = one < other if kind is MINIMIZE else one > other
        assert (objective.loss(one) < objective.loss(other)) == better
    else:
        low, high = objective.aim
        distance = 0.0 if low <= one <= high else min(abs(one - low), abs(one - high))
        assert objective.metric_of(objective.loss(one)) == pytest.approx(distance)
    shown = [objective.metric_of(objective.loss(each)) for each in (one, other)]
    best = max(shown) if objective.sense == "maximize" else min(shown)
    assert best == shown[0 if objective.loss(one) <= objective.loss(other) else 1]


@given(st.sampled_from(KINDS), NUMBERS, NUMBERS)
def test_a_gain_above_one_is_a_smaller_loss(kind: dict[str, Any], before: float, after: float) -> None:
    objective = Objective(**kind)
    gain = objective.gain(before, after)
    if objective.aim is None and min(before, after) <= 0:
        assert gain is None
        return
    assert gain is not None
    assume(abs(gain - 1) > 1e-6)
    assert (gain > 1) == (objective.loss(after) < objective.loss(before))


def test_gains_are_ratios_of_the_metric_or_of_the_distance() -> None:
    assert Objective(**MINIMIZE).gain(10, 5) == 2
    assert Objective(**MAXIMIZE).gain(10, 5) == 0.5
    assert Objective(**TARGET).gain(80, 110) == 2
    assert Objective(**INSIDE).gain(5, 30) == 0.5
    assert Objective(**INSIDE).gain(5, 15) == pytest.approx(5 / 2e-8)


@pytest.mark.parametrize(("kind", "wished"), [(MINIMIZE, 3), (MAXIMIZE, -3), (TARGET, 100), (INSIDE, 15)])
def test_what_is_worth_asking_for_is_a_metric_and_never_a_distance(kind: dict[str, Any], wished: float) -> None:
    assert Objective(**kind).wished(3) == wished


@pytest.mark.parametrize("kind", KINDS)
def test_a_planner_is_told_of_every_kind_of_goal(kind: dict[str, Any]) -> None:
    history = tried(kind, 30.0, 18.0)
    assert Objective(**kind).goal in stable_part(history.study, "JSON")["study"]["goals"][0]
    assert history.incumbent is not None
    best = describe_record(history, load_variant("default").settings)["best"]
    assert f"m={history.incumbent.metrics['m']:g}" in best


@pytest.mark.parametrize(("kind", "best"), [(MINIMIZE, 1), (MAXIMIZE, 2), (TARGET, 2), (INSIDE, 0)])
def test_an_optuna_export_has_the_best_trial_that_we_have(
    kind: dict[str, Any], best: int, store: Store, tmp_path: Path
) -> None:
    history = tried(kind, 15.0, 2.0, 60.0)
    assert history.incumbent is not None
    assert history.incumbent.number == best
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    stored = start_study(store, history.study)
    assert to_optuna(url, stored, history.study, history) == 3
    assert optuna.load_study(study_name=stored.key, storage=url).best_trial.number == best


def test_studies_compare_only_when_they_aim_at_the_same() -> None:
    kinds = [*KINDS, {"metric": "m", "inside": [500.0, 900.0]}, {"metric": "m", "target": 1.0}]
    aims = [Profile.of(make_study(objectives=[kind])).aims for kind in kinds]
    assert len(set(aims)) == len(kinds)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(MAXIMIZE, "best m so far:\ntrial 0: 97"), (TARGET, "best distance of m from 100 so far:\ntrial 0: 3")],
)
def test_an_analysis_never_shows_a_distance_as_the_metric(kind: dict[str, Any], expected: str) -> None:
    history = tried(kind, 97.0, 60.0)
    desk = fill_desk(Context(history.study, history, Ledger({})), lambda _given: "")
    assert convergence(desk, desk.rows).startswith(expected)


def test_desirability_is_shown_as_what_it_is() -> None:
    scored = [{**MINIMIZE, "desirability": {"low": 0.0, "high": 10.0}}]
    study: Study = make_study(objectives=scored)
    assert study.loss_name == "1 - desirability"
    assert study.metric_of(0.25) == 0.25
    assert make_study(objectives=[MAXIMIZE]).metric_of(0.25) == -0.25


def test_only_the_objective_looks_at_its_direction_target_and_range(root: Path) -> None:
    """Whoever switches on these three forgets one: see `Objective` for words, identity, loss, gain and metric."""
    asks = re.compile(r"\b(?:objectives?(?:\[\w+\])?|each|o)\.(?:direction|target|inside)\b|\.inside\b")
    found = [
        f"{file.relative_to(root)}: {line.strip()}"
        for folder in ("agent", "tools")
        for file in sorted((root / folder).rglob("*.py"))
        if file != root / "agent/study/goals.py"
        for line in file.read_text().splitlines()
        if asks.search(line)
    ]
    assert not found
