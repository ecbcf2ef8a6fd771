import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Context
from trimtab.agent.run.gate import FIRST_IDEAS, Gate
from trimtab.agent.run.session import Session
from trimtab.agent.study.space import Configuration
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial


class Ideas:
    """A planner that always has an idea ready."""

    name, why, done = "ideas", "a test", False

    def __init__(self, idea: Callable[[Context], Mapping[str, Any]], author: str = "test") -> None:
        self.idea, self.author = idea, author

    async def propose(self, context: Context, n: int) -> list[Proposal]:  # noqa: ARG002
        return [Proposal(self.idea(context), Source.of("planner", self.author), "an idea")]

    async def close(self) -> None:
        pass


def loss(configuration: Mapping[str, Any], seed: int) -> dict[str, float]:
    return {"loss": 1 + abs(configuration["x"]), "cost": 1.0 + configuration["n"]}


def run(store: Store, idea: Callable[[Context], Mapping[str, Any]], **sections: Any) -> list[events.TrialStarted]:
    sections = {"budget": {"trials": 40}, "sampler": {"name": "tpe"}, **sections}
    study = make_study(check={"ablation": False}, **sections)

    async def collect() -> list[events.Event]:
        session = Session.start(study, store, Ideas(idea))
        return [event async for event in session.run(FunctionExecutor(loss))]

    return [event for event in asyncio.run(collect()) if isinstance(event, events.TrialStarted)]


def good(rng: random.Random) -> Callable[[Context], Configuration]:
    """Ideas that get better: they halve the distance of the best trial from the optimum."""

    def idea(context: Context) -> Configuration:
        best = context.history.incumbent
        x = 0.5 if best is None else float(best.configuration["x"]) / 2
        return {"x": x, "n": rng.randint(1, 64), "mode": "slow"}

    return idea


def bad(context: Context) -> Configuration:
    return {"x": 1.0 - len(context.history.trials) * 1e-6, "n": 64, "mode": "slow"}


def test_a_planner_that_helps_gets_its_share_and_one_that_does_not_is_left_alone(store: Store) -> None:
    helped = run(store, good(random.Random(0)))
    ignored = run(store, bad)
    ideas = [sum(event.source == "planner" for event in each) for each in (helped, ignored)]
    assert 0.2 * 40 <= ideas[0] <= 0.3 * 40
    assert 1 <= ideas[1] <= FIRST_IDEAS + 2
    assert any("rests for" in event.gate for event in ignored)


def test_every_decision_between_arms_is_explained_with_scores(store: Store) -> None:
    started = run(store, good(random.Random(0)))
    decided = [event for event in started if event.gate]
    assert len(decided) >= 30
    assert all({"planner", "tpe"} <= event.scores.keys() for event in decided[2:])
    assert {event.gate for event in decided} >= {"the first 3 ideas are tried"}


@pytest.mark.parametrize(("policy", "low", "high"), [("planner", 39, 39), ("alternate", 19, 20), ("optimizer", 0, 0)])
def test_fixed_policies(policy: str, low: int, high: int, store: Store) -> None:
    started = run(store, good(random.Random(0)), gate=policy)
    assert started[0].source == "default"
    assert low <= sum(event.source == "planner" for event in started) <= high


def test_samplers_compete_as_arms(store: Store) -> None:
    started = run(store, bad, gate={"policy": "optimizer", "samplers": ["random", "tpe", "qmc"]})
    sources = {event.source for event in started}
    assert sources == {"default", "random", "tpe", "qmc"}


def test_decisions_survive_a_resume(store: Store) -> None:
    study = make_study(budget={"trials": 12}, sampler={"name": "tpe"}, check={"ablation": False})
    session = Session.start(study, store, Ideas(bad))
    for _ in range(8):
        trial = session.ask()
        session.tell(trial.number, loss(trial.configuration, 0))
    before = session.record.gate
    session.close()
    after = Session.resume(study, store, Ideas(bad)).record.gate
    assert after.started_by == before.started_by
    assert after.choose(["planner"]) == before.choose(["planner"])


def test_dear_results_earn_less_credit(store: Store) -> None:
    cheap, dear = (
        Gate(make_study(cost={"metric": "cost"}), ["tpe"]),
        Gate(make_study(cost={"metric": "cost"}), ["tpe"]),
    )
    for gate, cost in ((cheap, 1.0), (dear, 5.0)):
        for number in range(6):
            mine = number == 5
            trial = Trial(
                number, Source.of("planner" if mine else "tpe", "model"), Candidate({"x": 0.1}), state="complete"
            )
            trial.metrics = {"loss": 10.0 - number, "cost": cost if mine else 1.0}
            gate.started(trial)
            gate.finished(trial, improved=True)
    assert dear.choose(["planner"]).scores["planner"] < cheap.choose(["planner"]).scores["planner"]


def test_a_planner_that_is_paid_and_gives_nothing_is_asked_less_and_less(store: Store) -> None:
    asked = []

    class Mute(Ideas):
        async def propose(self, context: Context, n: int) -> list[Proposal]:  # noqa: ARG002
            asked.append(len(context.history.trials))
            context.ledger.spend("calls")
            return []

    async def drain() -> None:
        study = make_study(check={"ablation": False}, budget={"trials": 60}, sampler={"name": "random"})
        async for _event in Session.start(study, store, Mute(bad)).run(FunctionExecutor(loss)):
            pass

    asyncio.run(drain())
    assert 2 <= len(asked) <= 5
    assert asked[-1] > 20
