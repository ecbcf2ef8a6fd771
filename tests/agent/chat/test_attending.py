"""What is asked of a run is done whole or not at all, and answered in words that its asker can act on."""

from types import SimpleNamespace
from typing import Any

import pytest

from trimtab.agent.chat.attending import Attendance
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.runs import Command
from trimtab.agent.planners.client import ClientPlanner
from trimtab.agent.run.session import Session
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial


@pytest.fixture
def attendance(store: Store) -> Any:
    planner = ClientPlanner()
    session = Session.start(make_study(planner={"name": "client"}, budget={"trials": 3}), store, planner)
    session.planner = planner
    yield Attendance(store, "run-1", SimpleNamespace(live=session, session=session))  # type: ignore[arg-type]
    session.close()


def asked(attendance: Attendance, verb: str, **arguments: Any) -> dict[str, Any]:
    return attendance._answer(Command(1, verb, arguments, "an agent", None))


@pytest.mark.parametrize(("predicted", "said"), [
    ({"loss": {"expected": 1.0}}, "predicted.loss has no low (give expected, low and high, or nothing)"),
    ({"elapsed": {"expected": 1.0, "low": 0.5, "high": 2.0}}, "predicted.elapsed: nothing measures that"),
])  # fmt: skip
def test_a_prediction_that_is_not_whole_leaves_no_idea_behind(
    attendance: Attendance, predicted: dict[str, Any], said: str
) -> None:
    good = {"values": {"x": 0.25}}
    answer = asked(attendance, "propose", ideas=[good, {"values": {"x": 0.5}, "predicted": predicted}])
    assert said in answer["error"]
    assert attendance.control.live.planner.ideas == []  # type: ignore[union-attr]
    answer = asked(attendance, "propose", ideas=[good])
    assert (answer["ideas"][0]["idea"], answer["done"]) == (1, "3 of 3 trials are left for all")


def test_where_no_trial_is_left_nothing_waits_for_its_turn(attendance: Attendance) -> None:
    history = attendance.control.live.record.history  # type: ignore[union-attr]
    for number in range(3):
        history.add(Trial(number, DEFAULT, Candidate({"x": number / 10})))
    assert asked(attendance, "propose", ideas=[{"values": {"x": 0.5}}])["error"].startswith("no trial is left of 3")


def test_a_range_has_two_ends(attendance: Attendance) -> None:
    assert asked(attendance, "narrow", parameter="x", low=0.1, high=None)["error"] == (
        "narrow needs a range (give low and high)"
    )
