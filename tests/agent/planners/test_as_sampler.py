"""The planner as an Optuna sampler: whatever Optuna allows works, in or out of an event loop."""

import json
import math
import warnings
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent import PlannerSampler
from trimtab.agent.models.scripted import ScriptedEndpoint, answer
from trimtab.agent.planners.as_sampler import label_of, labels_of, value_of
from trimtab.tools.errors import InputError


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")


def replies(**values: Any) -> ScriptedEndpoint:
    text = json.dumps({"proposals": [{"values": values, "rationale": "an idea"}]})
    return ScriptedEndpoint(otherwise=lambda _request: answer(text))


def optimize(endpoint: ScriptedEndpoint, objective: Any, trials: int = 6) -> tuple[optuna.Study, PlannerSampler]:
    sampler = PlannerSampler(
        "scripted", optuna.samplers.RandomSampler(0), base_url=endpoint.base_url, capability="json_schema", share=1.0
    )
    study = optuna.create_study(sampler=sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.optimize(objective, n_trials=trials)
    sampler.close()
    sampler.close()
    return study, sampler


def of_kinds(trial: optuna.Trial) -> float:
    scheduler = trial.suggest_categorical("scheduler", [None, "cosine", 3])
    return trial.suggest_float("x", -1, 1) ** 2 + (0 if scheduler is None else 1)


def test_a_model_proposes_among_choices_of_several_kinds() -> None:
    with replies(scheduler="None", x=0.125) as endpoint:
        study, sampler = optimize(endpoint, of_kinds)
    proposed = [each for each in study.trials if each.params["x"] == 0.125]
    assert proposed
    assert {each.params["scheduler"] for each in proposed} == {None}
    assert not [each for each in sampler.problems if each.startswith("crashed")]


async def test_it_works_inside_a_running_loop() -> None:
    with replies(x=0.125) as endpoint:
        study, _sampler = optimize(endpoint, lambda trial: trial.suggest_float("x", -1, 1) ** 2)
    assert 0.125 in [each.params["x"] for each in study.trials]


def test_what_a_study_of_ours_cannot_express_is_left_to_the_fallback() -> None:
    with replies(x=0.1) as endpoint:
        study, sampler = optimize(
            endpoint,
            lambda trial: trial.suggest_float("x", 1.0, 1.0) + len(trial.suggest_categorical("c", [" " * 5000])),
        )
    assert len(study.trials) == 6
    assert all("not for a model" in each for each in sampler.problems)


def test_settings_that_no_model_takes_are_an_error_at_once() -> None:
    with pytest.raises(InputError, match="temperature"):
        PlannerSampler("local", temperature=11)


CHOICES = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-5, 5)
    | st.sampled_from(["a", "b", "None", "True", "1"]),
    min_size=1,
    max_size=6,
    unique_by=lambda choice: (type(choice).__name__, choice),
)


@given(CHOICES)
def test_every_choice_has_a_name_of_its_own_and_comes_back(choices: list[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distribution = optuna.distributions.CategoricalDistribution(choices)
    labels = labels_of(distribution)
    assert len(labels) == len(choices)
    assert len({type(each) is str for each in labels}) == 1
    for choice, label in zip(choices, labels, strict=True):
        assert value_of(distribution, label) == choice
        assert math.isclose(labels.count(label_of(distribution, choice)), 1) or choice in {0, 1}
