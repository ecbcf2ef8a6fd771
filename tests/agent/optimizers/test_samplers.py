import json
import random
from importlib.util import find_spec
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trimtab.agent import PlannerSampler
from trimtab.agent.models.scripted import Reply, ScriptedEndpoint, answer
from trimtab.agent.optimizers import auto, carbs, cmaes, forest, gp, kriging, nsga2, nsga3, qmc, tpe
from trimtab.agent.optimizers import random as random_
from trimtab.agent.optimizers.base import Setting
from trimtab.agent.optimizers.bayes import BayesSampler, known
from trimtab.agent.optimizers.encoding import Encoding, Points
from trimtab.agent.optimizers.mirror import Optimizer, SpaceExhaustedError
from trimtab.agent.study.sections import Study
from trimtab.agent.study.space import key
from trimtab.agent.testing import SamplerContract, make_study, small_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError


class TestTpe(SamplerContract):
    build = staticmethod(tpe.build)


class TestCmaes(SamplerContract):
    build = staticmethod(cmaes.build)


class TestQmc(SamplerContract):
    build = staticmethod(qmc.build)


class TestRandom(SamplerContract):
    build = staticmethod(random_.build)


class TestKriging(SamplerContract):
    build = staticmethod(kriging.build)


class TestForest(SamplerContract):
    build = staticmethod(forest.build)


class TestNsga2(SamplerContract):
    build = staticmethod(nsga2.build)


class TestNsga3(SamplerContract):
    build = staticmethod(nsga3.build)


class TestCarbs(SamplerContract):
    build = staticmethod(carbs.build)


class TestAuto(SamplerContract):
    build = staticmethod(auto.build)


class TestSwitching(SamplerContract):
    @staticmethod
    def build(setting: Setting) -> optuna.samplers.BaseSampler:
        return auto.SwitchingSampler(kriging.build(setting), tpe.build(setting), 6)


def test_auto_chooses_by_budget_objectives_and_early_stopping() -> None:
    space = make_study().space
    assert auto.choose(Setting(space, trials=50)) == "kriging"
    assert auto.choose(Setting(space, trials=1000)) == "auto"
    assert auto.choose(Setting(space, trials=50, objectives=2)) == "tpe"
    assert auto.choose(Setting(space, trials=50, pruned=True)) == "tpe"


def test_auto_changes_the_sampler_when_the_history_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "MOST_TRIALS", 5)
    sampler = auto.build(Setting(make_study().space, trials=1000))
    assert isinstance(sampler, auto.SwitchingSampler)
    study = optuna.create_study(sampler=sampler)
    asked = []
    for name in ("first", "then"):
        inner = getattr(sampler, name)
        original = inner.sample_relative
        monkeypatch.setattr(inner, "sample_relative", lambda *a, n=name, o=original: (asked.append(n), o(*a))[1])
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=8)
    assert asked == ["first"] * 5 + ["then"] * 3


if find_spec("torch") is not None:

    class TestGp(SamplerContract):
        build = staticmethod(gp.build)

else:

    def test_gp_without_pytorch_says_how_to_get_it() -> None:
        from trimtab.agent.optimizers.base import Setting

        with pytest.raises(InputError, match=r"pip install 'trimtab\[gp\]'"):
            gp.build(Setting(make_study().space, trials=10))


def finish(
    optimizer: Optimizer, number: int, configuration: dict[str, Any], loss: float | None, *, advised: bool = False
) -> None:
    optimizer.started(number, configuration, advised=advised)
    trial = Trial(
        number, Source("sampler", "x"), Candidate(configuration), state="failed" if loss is None else "complete"
    )
    trial.metrics = {} if loss is None else {"loss": loss}
    optimizer.finished(trial)


@pytest.mark.parametrize("name", ["kriging", "forest"])
def test_a_surrogate_finds_the_best_corner_of_a_conditional_space(name: str) -> None:
    study = make_study(sampler={"name": name}, budget={"trials": 40})
    optimizer, seen, best = Optimizer(study), set(), 1e9
    for number in range(40):
        configuration = optimizer.propose(seen)
        seen.add(key(configuration))
        bonus = 0.1 * float(configuration.get("burst", 0))
        value = (float(configuration["x"]) - 0.3) ** 2 + (1 - bonus if configuration["mode"] == "fast" else 1)
        best = min(best, value)
        finish(optimizer, number, configuration, value)
    assert best < 0.05


class _Halves:
    """Small sure gains on the left, large unlikely ones on the right."""

    def fit(self, points: Points, values: NDArray[np.float64]) -> None:
        self.best = float(values.min())
        assert len(points) == len(values)

    def predict(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        left = points[:, 0] < 0.5
        return self.best + np.where(left, -0.1, 0.5), np.where(left, 1e-6, 0.5)


@pytest.mark.parametrize(("margin", "half"), [(0.0, "left"), (0.3, "right")])
def test_a_margin_leaves_small_gains_alone(margin: float, half: str) -> None:
    parameters = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
    study = make_study(parameters=parameters, forbidden=[], evaluation={"command": ["true", "{x}"]})
    sampler = BayesSampler(Setting(study.space, trials=20), _Halves, startup=3, margin=margin)
    run = optuna.create_study(sampler=sampler)
    run.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=6)
    assert {"left" if trial.params["x"] < 0.5 else "right" for trial in run.trials[3:]} == {half}


@given(st.integers(0, 1000))
def test_points_and_configurations_are_the_same_thing(seed: int) -> None:
    encoding = Encoding(make_study().space)
    configuration = encoding.space.sample(random.Random(seed))
    assert encoding.decode(encoding.encode(configuration)) == configuration


@given(st.lists(st.integers(-400, 1200).map(lambda at: (at + 0.37) / 801), min_size=10, max_size=10))
def test_many_points_are_snapped_like_one(point: list[float]) -> None:  # nowhere halfway between two values
    parameters = small_study()["parameters"] | {
        "step": {"type": "float", "low": 0.1, "high": 0.7, "step": 0.2, "default": 0.1},
        "size": {"type": "ordinal", "choices": [1, 8, 64], "default": 8},
        "on": {"type": "bool", "default": False},
        "wide": {"type": "int", "low": 1, "high": 10**6, "log": True, "default": 1},
        "fixed": {"type": "float", "low": 2.0, "high": 2.0, "default": 2.0},
        "depth": {"type": "int", "low": 3, "high": 9, "step": 3, "default": 3, "when": "burst > 4 and not on"},
    }
    encoding = Encoding(Study.model_validate(small_study(parameters=parameters, forbidden=[])).space)
    points = np.array([point, point[::-1]])
    one_by_one = [encoding.encode(encoding.decode(each)) for each in points]
    assert np.allclose(encoding.snap(points), one_by_one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["tpe", "kriging", "forest", "cmaes", "qmc", "random"])
def test_an_optimizer_learns_from_everybodys_trials_and_proposes_nothing_twice(name: str) -> None:
    study = make_study(sampler={"name": name}, budget={"trials": 30})
    optimizer, rng, seen = Optimizer(study), random.Random(0), set()
    for number in range(30):
        foreign = number % 3 == 0
        configuration = study.space.sample(rng) if foreign else optimizer.propose(seen)
        assert study.space.violated(configuration) is None
        assert study.space.problems(configuration) == []
        assert foreign or key(configuration) not in seen
        seen.add(key(configuration))
        finish(optimizer, number, configuration, None if number % 7 == 6 else float(configuration["x"]) ** 2)


def test_failed_trials_push_tpe_away_from_where_they_failed() -> None:
    study = make_study(sampler={"name": "tpe", "seed": 1}, budget={"trials": 60})
    optimizer, seen, failures = Optimizer(study), set(), []
    for number in range(60):
        configuration = optimizer.propose(seen)
        seen.add(key(configuration))
        fails = float(configuration["x"]) < 0
        failures.append(fails)
        finish(optimizer, number, configuration, None if fails else 2 - float(configuration["x"]))
    assert sum(failures[30:]) < sum(failures[:30])


def test_what_an_optimizer_would_try_is_told_without_changing_what_it_proposes() -> None:
    proposed = []
    for looks in (False, True):
        optimizer, seen = Optimizer(make_study(sampler={"name": "kriging"}, budget={"trials": 30})), set[str]()
        for number in range(12):
            if looks and number < 8:
                assert optimizer.candidates(3) == []
                assert optimizer.forecast([{"x": 0.0, "n": 8, "mode": "slow"}]) is None
            elif looks:
                assert optimizer.candidates(3)[0] == optimizer.candidates(1)[0]
            configuration = optimizer.propose(seen)
            seen.add(key(configuration))
            finish(optimizer, number, configuration, 1 + abs(float(configuration["x"])))
        proposed.append(configuration)
        [(expected, low, high), (bad, _low, _high)] = optimizer.forecast(
            [{"x": 0.0, "n": 8, "mode": "slow"}, {"x": 1.0, "n": 8, "mode": "slow"}]
        )
        assert low <= expected <= high
        assert expected < bad
    assert proposed[0] == proposed[1]


def test_advice_that_holds_shortens_the_random_start_and_bad_advice_does_not() -> None:
    spreads = {}
    for kind, x in (("good", 0.05), ("bad", 0.95)):
        optimizer, seen = Optimizer(make_study(sampler={"name": "kriging"}, budget={"trials": 60})), set[str]()
        for number in range(7):
            advice = {"x": x + number / 1000, "n": 8, "mode": "slow"} if number else {"x": 0.5, "n": 8, "mode": "slow"}
            seen.add(key(advice))
            finish(optimizer, number, advice, 1 + abs(float(advice["x"])), advised=number > 0)
        sampler = optimizer._samplers["kriging"]
        _trials, done, values = sampler._told(optimizer._optuna)
        spreads[kind] = known(done, values)
    assert spreads == {"good": 7, "bad": 1}


def test_an_exhausted_space_is_said_to_be_so() -> None:
    study = make_study(
        parameters={"on": {"type": "bool", "default": False}}, forbidden=[], evaluation={"command": "true {on}"}
    )
    with pytest.raises(SpaceExhaustedError):
        Optimizer(study).propose({key({"on": True}), key({"on": False})})


def test_the_planner_works_as_an_optuna_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)

    def reply(_request: dict[str, Any]) -> Reply:
        values = {"x": round(rng.uniform(-1, 1), 3), "n": rng.randint(1, 9), "kind": "b", "deep": True}
        return answer(json.dumps({"proposals": [{"values": values, "rationale": "r"}]}))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -2, 2)
        n = trial.suggest_int("n", 1, 100, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        deep = trial.suggest_categorical("deep", [True, False])
        return x * x + n / 100 + (kind == "a") + deep

    with ScriptedEndpoint(otherwise=reply) as endpoint:
        sampler = PlannerSampler(
            model="scripted",
            fallback=optuna.samplers.TPESampler(seed=0),
            base_url=endpoint.base_url,
            capability="json_schema",
        )
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=20)
        sampler.close()
    from_model = [t for t in study.trials if round(t.params["x"], 3) == t.params["x"] and t.params["kind"] == "b"]
    assert 4 <= len(from_model) <= 7
    assert sampler.problems == []


def test_a_planner_that_cannot_answer_leaves_optuna_to_the_fallback() -> None:
    with ScriptedEndpoint(otherwise=lambda _request: answer("no")) as endpoint:
        sampler = PlannerSampler(model="scripted", base_url=endpoint.base_url, capability="text", retries=0)
        study = optuna.create_study(sampler=sampler)
        with pytest.warns(UserWarning, match="prose"):
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=6)
        sampler.close()
    assert len(study.trials) == 6
    assert sampler.problems


def tuned(sampler: str, trials: int, measure: Any, **sections: Any) -> list[Trial]:
    """Run an optimizer against a function that gives metrics, or None for a failed trial."""
    study = make_study(sampler={"name": sampler, "seed": 3}, budget={"trials": trials}, **sections)
    optimizer, seen, found = Optimizer(study), set[str](), []
    for number in range(trials):
        configuration = study.space.default if number == 0 else optimizer.propose(seen)
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        metrics = measure(configuration)
        trial = Trial(
            number,
            Source("sampler", sampler),
            Candidate(configuration),
            state="failed" if metrics is None else "complete",
        )
        trial.metrics = metrics or {}
        optimizer.finished(trial)
        found.append(trial)
    return found


def test_failures_teach_where_not_to_go() -> None:
    def crashes_on_the_left(configuration: Any) -> dict[str, float] | None:
        return None if configuration["x"] < -0.1 else {"loss": abs(configuration["x"])}

    shares = {}
    for sampler in ("random", "tpe", "kriging"):
        trials = tuned(sampler, 60, crashes_on_the_left)
        shares[sampler] = sum(trial.state == "failed" for trial in trials[20:]) / 40
    assert shares["random"] > 0.3
    assert shares["kriging"] <= 0.7 * shares["tpe"]
    assert min(trial.metrics.get("loss", 9) for trial in trials) < 0.02


def test_carbs_finds_a_good_result_and_spends_less_than_a_search_that_ignores_cost() -> None:
    def measure(configuration: Any) -> dict[str, float]:  # larger n is a little better and much dearer
        return {"loss": abs(configuration["x"]) + 0.2 / configuration["n"], "cost": float(configuration["n"])}

    spent = {}
    for sampler in ("kriging", "carbs"):
        trials = tuned(sampler, 40, measure, cost={"metric": "cost"})
        assert min(trial.metrics["loss"] for trial in trials) < 0.2
        spent[sampler] = sum(trial.metrics["cost"] for trial in trials)
    assert spent["carbs"] < 0.7 * spent["kriging"]
