"""A study goes on in another space: what is still valid stays, the rest no longer counts, and that is said."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.faces.summary import summary_lines
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import find_study
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.tools.errors import InputError

STEPS = {"type": "int", "low": 1, "high": 10, "default": 3}
KIND = {"type": "categorical", "choices": ["sgd", "adam"], "default": "sgd"}
NEW = {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}
COMMAND = ["echo", "{steps}", "{kind}"]


def study(trials: int, command: list[str] | None = None, **parameters: Mapping[str, Any]) -> Study:
    return make_study(
        study={"name": "grows"},
        parameters={"steps": STEPS, "kind": KIND, **parameters},
        evaluation={"command": command or COMMAND},
        budget={"trials": trials},
        sampler={"name": "random", "seed": 3},
        planner={"name": "none"},
        check={"ablation": False},
        forbidden=[],
    )


def loss(configuration: Mapping[str, object], _seed: int) -> dict[str, float]:
    return {"loss": 20.0 - float(str(configuration["steps"])) - (5.0 if configuration["kind"] == "lion" else 0.0)}


def run(session: Session, executor: FunctionExecutor | None = None) -> list[events.Event]:
    async def all_events() -> list[events.Event]:
        return [event async for event in session.run(executor or FunctionExecutor(loss))]

    return asyncio.run(all_events())


def notices(found: list[events.Event]) -> str:
    return " ".join(event.message for event in found if isinstance(event, events.Notice))


def test_a_wider_range_and_a_new_choice_keep_every_trial(store: Store) -> None:
    first = run(Session.start(study(6), store))
    wide = study(12, steps={**STEPS, "high": 15}, kind={**KIND, "choices": ["sgd", "adam", "lion"]})
    found = run(Session.resume(wide, store))
    done = [event.trial for event in found if isinstance(event, events.TrialFinished)]
    assert done == list(range(6, 12))
    assert "the space was changed" not in notices(found)
    before = {e.trial: e.metrics for e in first if isinstance(e, events.TrialFinished)}
    history = find_study(store, "grows-1").history
    assert {trial.number: trial.metrics for trial in history.trials[:6]} == before
    assert any(
        trial.configuration["steps"] > 10 or trial.configuration["kind"] == "lion" for trial in history.trials[6:]
    )


def test_a_new_parameter_was_at_its_default(store: Store) -> None:
    run(Session.start(study(6), store))
    more = study(9, [*COMMAND[:2], "--new", "{new}", "{kind}"], new=NEW)
    run(Session.resume(more, store))
    history = find_study(store, "grows-1").history
    assert [trial.configuration["new"] for trial in history.trials[:6]] == [0.5] * 6
    assert {trial.configuration["new"] for trial in history.trials[6:]} != {0.5}
    assert history.default is not None
    assert history.default.configuration == more.space.default


def test_what_is_no_longer_allowed_does_not_count_and_comes_back(store: Store) -> None:
    first = run(Session.start(study(8), store))
    best = first[-1].best  # type: ignore[union-attr]
    assert best.configuration["steps"] > 6
    narrow = study(12, steps={**STEPS, "high": 6})
    found = run(Session.resume(narrow, store))
    assert "no longer count (trial " in notices(found)
    assert "steps=" in notices(found)
    report = found[-1]
    assert isinstance(report, events.StudyFinished)
    assert report.best is not None
    assert report.best.configuration["steps"] <= 6
    again = run(Session.resume(study(14), store))
    assert again[-1].best.configuration["steps"] > 6  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (study(9, steps={**STEPS, "default": 4}), "parameters.steps"),
        (study(9, steps={**STEPS, "type": "float"}), "parameters.steps"),
        (study(9, ["echo", "--fast", "{steps}", "{kind}"]), "evaluation.command"),
        (study(9, ["printf", "{steps}", "{kind}", "{new}"], new=NEW), "evaluation.command"),
        (study(9, ["echo", "{kind}", "{steps}", "{new}"], new=NEW), "evaluation.command"),
        (
            make_study(
                study={"name": "grows"},
                parameters={"steps": STEPS},
                evaluation={"command": COMMAND[:2]},
                forbidden=[],
            ),
            "parameters.kind",
        ),
    ],
)
def test_what_changes_the_meaning_of_a_trial_is_refused(store: Store, changed: Study, named: str) -> None:
    run(Session.start(study(3), store))
    with pytest.raises(InputError, match=f"{named}.* changed since"):
        Session.resume(changed, store)


def test_the_report_says_that_the_best_stands_at_an_end(store: Store) -> None:
    small = study(10, steps={**STEPS, "high": 4})
    report = run(Session.start(small, store))[-1]
    assert isinstance(report, events.StudyFinished)
    lines = "\n".join(summary_lines(small, report))
    assert "at the end of what was searched: steps = 4 (widen it" in lines
    wide = study(10, steps={**STEPS, "high": 1000})
    assert "at the end of what was searched" not in "\n".join(summary_lines(wide, report))
