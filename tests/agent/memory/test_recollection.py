"""What memory has for a study: whose it reads, what of it fits, and that it can be switched off."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.recollection import Asking, Recollection, recollect
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Setup, build_planner
from trimtab.agent.run.proposals import opening
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study


def loss(configuration: dict[str, Any], seed: int) -> dict[str, float]:
    del seed
    if configuration["n"] > 60:
        raise ValueError("out of memory")
    return {"loss": 1 + abs(configuration["x"] + 0.7)}


def run(study: Study, store: Store) -> list[events.Event]:
    async def collect() -> list[events.Event]:
        session = Session.start(study, store, build_planner(Setup(study, store)))
        return [event async for event in session.run(FunctionExecutor(loss))]

    return asyncio.run(collect())


def tuned(directory: Path, name: str = "small", trials: int = 12, describe: str = "", **sections: Any) -> Study:
    about = {"name": name, "description": describe}
    return make_study(directory, study=about, budget={"trials": trials}, planner={"name": "offline"}, **sections)


def from_memory(found: list[events.Event]) -> list[str]:
    started = [each for each in found if isinstance(each, events.TrialStarted)]
    return [each.rationale for each in started if "similar studies" in each.rationale or "learned" in each.rationale]


@pytest.mark.parametrize("sections", [{"memory": {"use": "off"}}, {"planner": {"name": "offline", "recall": False}}])
def test_memory_can_be_switched_off(store: Store, tmp_path: Path, sections: dict[str, Any]) -> None:
    run(tuned(tmp_path), store)
    assert len(from_memory(run(tuned(tmp_path, "with"), store))) >= 1
    without = make_study(
        tmp_path, **{"study": {"name": "without"}, "budget": {"trials": 12}, "planner": {"name": "offline"}, **sections}
    )
    assert from_memory(run(without, store)) == []


@pytest.mark.parametrize(("use", "learned"), [("on", True), ("read-only", False), ("off", False)])
def test_later_studies_learn_only_from_those_that_allow_it(
    store: Store, tmp_path: Path, use: str, learned: bool
) -> None:
    run(tuned(tmp_path, memory={"use": use}), store)
    assert bool(store.lessons()) == learned
    assert bool(from_memory(run(tuned(tmp_path, "later"), store))) == learned


def test_a_study_that_reads_only_still_reads(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    assert from_memory(run(tuned(tmp_path, "later", memory={"use": "read-only"}), store))


def test_projects_are_apart_unless_a_study_shares(store: Store, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "below").mkdir()
    run(tuned(tmp_path / "one"), store)
    assert from_memory(run(tuned(tmp_path / "one" / "below", "same"), store))
    assert not from_memory(run(tuned(tmp_path / "other", "apart"), store))
    assert from_memory(run(tuned(tmp_path / "other", "shares", memory={"shared": True}), store))


def test_the_lottery_takes_memory_away_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tuned(tmp_path), store)
    monkeypatch.setattr(opening, "LOTTERY_SHARE", 1.0)
    assert from_memory(run(tuned(tmp_path, "plays-not"), store))
    found = run(tuned(tmp_path, "plays", memory={"lottery": True}), store)
    assert from_memory(found) == []
    notices = [each.message for each in found if isinstance(each, events.Notice)]
    assert any("by lottery" in each for each in notices)
    assert store.study("plays-1").memory == "lottery"
    lonely = tuned(
        tmp_path, "lonely", memory={"lottery": True}, objectives=[{"metric": "loss", "direction": "maximize"}]
    )
    run(lonely, store)  # there is nothing to learn from, so there is nothing to draw
    assert store.study("lonely-1").memory == "on"


def test_what_lies_outside_of_the_new_space_is_left_out(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    parameters = {
        "x": {"type": "float", "low": -0.2, "high": 1.0, "default": 0.5},
        "n": {"type": "int", "low": 1, "high": 64, "log": True, "default": 8},
    }
    study = make_study(tmp_path, study={"name": "narrow"}, parameters=parameters, forbidden=[],
                       evaluation={"command": ["true", "{x}", "{n}"]})  # fmt: skip
    (past,) = recollect(store, study, Asking()).past
    assert past.results
    assert all(float(each["x"]) >= -0.2 for each, _loss in past.results)
    assert len(past.results) < len(store.trials(store.study("small-1").id))


def test_failed_trials_are_as_bad_as_the_worst(store: Store, tmp_path: Path) -> None:
    study = tuned(tmp_path, trials=30)
    run(study, store)
    failed = [each for each in store.trials(1) if each.state == "failed"]
    assert failed
    (past,) = recollect(store, study, Asking()).past
    losses = {str(configuration): loss for configuration, loss in past.results}
    assert {losses[str(each.configuration)] for each in failed} == {float("inf")}


def test_it_survives_a_recording(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    memory = recollect(store, tuned(tmp_path, "later"), Asking())
    data = json.loads(json.dumps(dataclasses.asdict(memory)))
    again = Recollection.of(data)
    assert (again.similar, again.lessons) == (memory.similar, memory.lessons)
    assert [list(map(tuple, each.results)) for each in again.past] == [list(each.results) for each in memory.past]


def test_the_store_tells_what_a_trial_rests_on(store: Store, tmp_path: Path) -> None:
    run(tuned(tmp_path), store)
    run(tuned(tmp_path, "later"), store)
    rests = [each.because for each in store.trials(store.study("later-1").id) if each.because]
    assert rests
    assert rests[0] == ["study small-1"]
