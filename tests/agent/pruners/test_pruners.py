import asyncio
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.parts import PRUNERS
from trimtab.agent.pruners.base import PruningSetting
from trimtab.agent.pruners.extrapolation import extrapolate
from trimtab.agent.pruners.iterative import CONTINUES, IterativeDeepeningPruner
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study


def curve(x: float, step: int) -> float:
    return abs(x) + (1 + abs(x)) / step


def training(configuration: Mapping[str, Any], _seed: int) -> Iterator[dict[str, float]]:
    for step in range(1, 28):
        yield {"step": step, "loss": curve(float(configuration["x"]), step)}


@pytest.mark.parametrize("name", [name for name in PRUNERS if name != "none"])
def test_each_saves_most_of_the_steps_and_still_finds_a_good_configuration(name: str) -> None:
    study = optuna.create_study(
        study_name="fixed",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=PRUNERS[name](PruningSetting(1, 27, 3)),
    )
    steps = 0
    for _ in range(60):
        trial = study.ask()
        x = trial.suggest_float("x", -1, 1)
        for step in range(1, 28):
            steps += 1
            trial.report(curve(x, step), step)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve(x, 27))
    assert steps < 0.75 * 60 * 27
    assert study.best_value < 0.25  # the best of the 60 has 0.05


def test_a_known_curve_is_extrapolated_with_an_error_that_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        floor, height, exponent = rng.uniform(0, 1), rng.uniform(0.5, 2), rng.uniform(0.4, 1.2)
        steps = np.arange(1, 21, dtype=float)
        values = floor + height * steps**-exponent + rng.normal(0, 0.005, 20)
        end, error = extrapolate(steps, values, 81.0)
        covered += abs(end - (floor + height * 81**-exponent)) < 3 * error
    assert covered >= 85


def deepened(variant: str) -> tuple[optuna.Study, int]:
    """Run 40 trials to step 9, raise the last step to 27, run on what deserves it, and 40 more; return the cost."""
    rng = random.Random(3)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    cost = 0

    def train(x: float, last: int, continues: int | None = None) -> None:
        nonlocal cost
        trial = study.ask()
        trial.suggest_float("x", x, x)
        if continues is not None:
            trial.set_user_attr(CONTINUES, continues)
        for step in range(1, last + 1):
            cost += 1
            trial.report(curve(x, step), step)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return
        study.tell(trial, curve(x, last))

    for last in (9, 27):
        study.pruner = pruner = IterativeDeepeningPruner(1, last, 3, variant)  # type: ignore[arg-type]
        for each in pruner.continuations(study):
            train(each.params["x"], last, each.number)
        for _ in range(40):
            train(rng.uniform(-1, 1), last)
    return study, cost


@pytest.mark.parametrize("variant", ["efficient", "preserve", "discard"])
def test_raising_the_last_step_runs_the_best_on(variant: str) -> None:
    study, cost = deepened(variant)
    continued = [trial for trial in study.trials if CONTINUES in trial.user_attrs]
    full = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE and t.last_step == 27]
    stopped_at_9 = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE and t.last_step == 9]
    assert 1 <= len(continued) <= max(1, len(stopped_at_9) // 2)
    assert {t.user_attrs[CONTINUES] for t in continued} <= {t.number for t in stopped_at_9}
    assert min(abs(t.params["x"]) for t in full) < 0.1
    assert cost < 0.6 * (40 * 9 + 40 * 27)


def test_the_efficient_variant_promotes_no_more_than_the_others() -> None:
    reached = {
        variant: sum((trial.last_step or 0) == 27 for trial in deepened(variant)[0].trials)
        for variant in ("efficient", "preserve", "discard")
    }
    assert reached["efficient"] <= reached["preserve"]


def run(store: Store, *, resume: bool = False, **sections: Any) -> list[events.Event]:
    fidelity = {"high": 27, "pruner": "iterative", **sections.pop("fidelity", {})}
    study = make_study(fidelity=fidelity, sampler={"name": "tpe"}, check={"ablation": False}, **sections)

    async def collect() -> list[events.Event]:
        session = Session.resume(study, store) if resume else Session.start(study, store)

        def limited(configuration: Mapping[str, Any], seed: int) -> Iterator[dict[str, float]]:
            return (each for each in training(configuration, seed) if each["step"] <= fidelity["high"])

        return [event async for event in session.run(FunctionExecutor(limited))]

    return asyncio.run(collect())


def test_a_session_stops_poor_trials_keeps_their_curves_and_checks_in_full(store: Store) -> None:
    found = run(store, budget={"trials": 30}, fidelity={"pruner": "hyperband"})
    report = found[-1]
    assert isinstance(report, events.StudyFinished)
    assert report.counts["state pruned"] >= 5
    assert report.best is not None and report.best.metrics["step"] == 27
    stopped = [event for event in found if isinstance(event, events.IntermediateValue) and event.stopped]
    assert len(stopped) == report.counts["state pruned"]
    trials = store.trials(store.study("small").id)
    assert all(trial.steps for trial in trials)
    assert all(max(trial.steps) < 27 for trial in trials if trial.state == "pruned")


def test_a_raised_last_step_runs_the_best_on_after_a_resume(store: Store) -> None:
    run(store, budget={"trials": 20}, fidelity={"high": 9})
    found = run(store, resume=True, budget={"trials": 30}, fidelity={"high": 27})
    continued = [e for e in found if isinstance(e, events.TrialStarted) and "run on" in e.rationale]
    assert continued
    report = found[-1]
    assert isinstance(report, events.StudyFinished)
    assert report.best is not None and report.best.metrics["step"] == 27


SCRIPT = """
import json, os, time
job = json.load(open(os.environ["TRIMTAB_JOB"]))
x = job["configuration"]["x"]
for step in range(1, int(job["fidelity"]) + 1):
    print(json.dumps({"step": step, "loss": abs(x) + 1 / step}), flush=True)
    time.sleep(0.03)
"""


def test_a_real_process_is_stopped_by_what_it_prints(tmp_path: Path, store: Store) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    study = make_study(
        tmp_path,
        evaluation={"command": ["{python}", "{study_dir}/train.py"]},
        fidelity={"high": 27, "pruner": "halving"},
        budget={"trials": 10},
        check={"ablation": False},
    )

    async def collect() -> list[events.Event]:
        return [event async for event in Session.start(study, store).run()]

    found = asyncio.run(collect())
    trials = store.trials(store.study("small").id)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    full = next(trial for trial in trials if trial.state == "complete")
    assert all(trial.duration_s < full.duration_s for trial in pruned)
    assert isinstance(found[-1], events.StudyFinished)
