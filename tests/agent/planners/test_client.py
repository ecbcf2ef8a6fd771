"""The planner "client": every idea is answered, what is accepted is tried in its turn, nothing is lost."""

import asyncio
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.client import ClientPlanner, became
from trimtab.agent.run.proposals.pace import Pace
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.history import History


def loss(configuration: dict[str, Any], seed: int) -> dict[str, float]:
    del seed
    return {"loss": 1 + abs(configuration["x"] + 0.5)}


def started(store: Store, **sections: Any) -> tuple[Session, ClientPlanner]:
    planner = ClientPlanner()
    sections = {"budget": {"trials": 12}, "check": {"ablation": False}, **sections}
    study = make_study(planner={"name": "client", **sections.pop("planner", {})}, **sections)
    return Session.start(study, store, planner), planner


async def run(session: Session, delay_s: float = 0.0) -> list[events.Event]:
    return [event async for event in session.run(FunctionExecutor(loss, delay_s=delay_s))]


def test_ideas_are_answered_one_by_one(store: Store) -> None:
    session, planner = started(store)
    context = session.proposing.context
    fate = [
        became(planner.submit(values, context), session.record.history, [])
        for values in ({"x": -0.5}, {"x": "-0.5"}, {"x": 7}, {"nonsense": 1}, {"mode": "unsafe"}, {"x": 0.25, "n": 9})
    ]
    assert [each["state"] for each in fate] == [
        "waiting for its turn", "refused", "refused", "refused", "refused", "waiting for its turn",
    ]  # fmt: skip
    assert "already waits" in fate[1]["reason"]
    assert "it loses data" in fate[4]["reason"]
    assert fate[0]["configuration"]["x"] == -0.5
    session.close()


def test_what_was_accepted_is_tried_early_and_known_by_its_author(store: Store) -> None:
    session, planner = started(store)
    told = {"rationale": "why", "predicted": {"loss": (1.0, 0.9, 1.2)}}
    first = planner.submit({"x": -0.5}, session.proposing.context, "an agent", **told)
    second = planner.submit({"x": 0.1}, session.proposing.context, "an agent")
    found = asyncio.run(run(session))
    trials = {e.trial: e for e in found if isinstance(e, events.TrialStarted)}
    fate = became(first, session.record.history, [])
    assert (fate["state"], fate["metrics"]) == ("complete", {"loss": 1.0})
    assert fate["trial"] <= 2
    idea = trials[fate["trial"]]
    assert (idea.author, idea.rationale, idea.predicted) == ("an agent", "why", {"loss": (1.0, 0.9, 1.2)})
    assert became(second, session.record.history, [])["state"] == "complete"


def test_an_idea_that_comes_later_is_tried_too_and_none_is_lost(store: Store) -> None:
    session, planner = started(store, budget={"trials": 30}, planner={"patience": 0})

    async def act() -> list[Any]:
        running = asyncio.create_task(run(session, 0.02))
        ideas = []
        for index in range(5):
            await asyncio.sleep(0.06)
            ideas.append(planner.submit({"x": -0.9 + index / 10, "n": 3 + index}, session.proposing.context))
        await running
        return ideas

    fates = [
        became(idea, session.record.history, list(session.proposing.context.refused)) for idea in asyncio.run(act())
    ]
    assert {each["state"] for each in fates} <= {"complete", "not tried", "waiting for its turn"}
    assert sum(each["state"] == "complete" for each in fates) >= 2


def test_the_run_waits_no_longer_than_its_patience(store: Store) -> None:
    session, _planner = started(store, planner={"patience": 0.3})
    found = asyncio.run(run(session))
    assert isinstance(found[-1], events.StudyFinished)
    assert found[-1].trials == 12
    assert 0.2 < found[-1].waited_s < 2


def test_a_bad_client_costs_no_more_than_its_share(store: Store) -> None:
    session, planner = started(store, budget={"trials": 30})
    for index in range(40):
        planner.submit({"x": 1.0, "n": 1 + index}, session.proposing.context)
    found = asyncio.run(run(session))
    ours = [e for e in found if isinstance(e, events.TrialStarted) and e.author == "client"]
    assert 1 <= len(ours) <= 15


@pytest.mark.parametrize("policy", ["optimizer"])
def test_the_gate_can_shut_it_out(store: Store, policy: str) -> None:
    session, planner = started(store, gate=policy)
    idea = planner.submit({"x": -0.5}, session.proposing.context)
    found = asyncio.run(run(session))
    assert not [e for e in found if isinstance(e, events.TrialStarted) and e.author == "client"]
    assert became(idea, session.record.history, [])["state"] == "waiting for its turn"


def test_the_default_of_what_was_not_named_is_no_repair(store: Store) -> None:
    session, planner = started(store)
    plain = planner.submit({"x": -0.5}, session.proposing.context)
    moved = planner.submit({"x": "0.25", "n": 4}, session.proposing.context)
    session.close()
    assert plain.changes == ()
    assert all("missing" not in each for each in moved.changes)


def test_a_run_waits_longer_for_an_agent_than_for_a_model() -> None:
    by_client, by_model = (
        Pace(study, History(study)) for study in (make_study(planner={"name": name}) for name in ("client", "model"))
    )
    assert by_client.opening_wait_s() == 120
    assert by_model.opening_wait_s() == 15
    assert by_client.look_wait_s() == 30
    by_client.paused_s = 20.0
    assert by_client.look_wait_s() == 10
    by_client.paused_s = 45.0
    assert by_client.look_wait_s() == 0
    given = make_study(planner={"name": "client", "patience": 3})
    assert Pace(given, History(given)).opening_wait_s() == 3
