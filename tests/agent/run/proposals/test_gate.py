import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Context
from trimtab.agent.run.proposals.gate import LEAST_SHARE, MOST_SHARE, Gate
from trimtab.agent.run.proposals.thoughts import surprise
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
    assert 0.6 * 40 <= ideas[0] <= MOST_SHARE * 40
    assert 1 <= ideas[1] <= 0.3 * 40
    assert any("rests for" in event.gate for event in ignored)


def test_a_number_is_a_cap_on_the_planners_share(store: Store) -> None:
    capped = run(store, good(random.Random(0)), planner={"share": 0.3})
    assert sum(event.source == "planner" for event in capped) <= 0.3 * 40
    assert not any(event.source == "planner" for event in run(store, good(random.Random(0)), planner={"share": 0}))


def test_every_decision_between_arms_is_explained_with_scores(store: Store) -> None:
    started = run(store, good(random.Random(0)))
    decided = [event for event in started if event.gate]
    assert len(decided) >= 30
    assert all({"planner", "tpe"} <= event.scores.keys() for event in decided[2:])
    assert decided[0].gate == "the opening ideas are tried first"


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
    assert after.choose(["planner"], 1) == before.choose(["planner"], 1)


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
    assert 2 <= len(asked) <= 8
    assert asked[-1] > 20


def told(gate: Gate, source: str, losses: Iterable[float], thought: int = 0) -> None:
    """Tell a gate finished trials of one source, each improving on nothing or on all before."""
    for loss in losses:
        number = gate.started_by.total()
        who = Source("default") if number == 0 else Source(source, "model" if source == "planner" else "tpe")
        trial = Trial(number, who, Candidate({"x": loss}), state="complete", gate={"thought": thought})
        trial.metrics = {"loss": loss}
        gate.started(trial)
        best = min(gate._recent, default=float("inf"))
        gate.finished(trial, improved=loss < best)


def fresh(**sections: Any) -> Gate:
    gate = Gate(make_study(**{"budget": {"trials": 50}, **sections}), ["tpe"])
    told(gate, "default", [10.0])
    return gate


def test_the_opening_comes_first_until_its_first_two_ideas_were_no_use() -> None:
    gate = fresh()
    told(gate, "planner", [11])
    assert gate.choose(["planner"], 0).arm == "planner"
    told(gate, "planner", [12])
    decided = gate.choose(["planner"], 0)
    assert decided.arm == "tpe"
    assert "rests for" in decided.why


def test_one_good_idea_in_three_keeps_the_opening_its_right() -> None:
    gate = fresh()
    told(gate, "planner", [11, 9, 13])
    assert gate.choose(["planner"], 0).arm == "planner"


def test_ideas_of_the_second_thought_stand_under_the_share() -> None:
    gate = fresh()
    told(gate, "planner", [9, 11, 8])
    assert gate.choose(["planner"], 1).arm == "planner"
    told(gate, "planner", [9.5], thought=1)
    assert [gate.choose(["planner"], 1).arm, gate.choose(["planner"], 0).arm] != ["planner", "tpe"]


def test_the_author_of_the_incumbent_never_rests() -> None:
    gate = fresh()
    told(gate, "planner", [5])
    for thought in (1, 2, 3):
        told(gate, "planner", [20, 21, 22], thought)
        assert "rests for" not in gate.choose(["planner"], thought + 1).why
    told(gate, "sampler", [4])
    assert "rests for" in gate.choose(["planner"], 4).why


def test_a_rest_is_at_most_a_fifth_of_the_budget() -> None:
    gate = fresh()
    for thought in range(6):
        told(gate, "planner", [20, 21, 22], thought)
        assert gate.thoughts.rest_until - gate.started_by.total() <= 50 / 5


def test_an_idea_in_the_top_third_is_no_useless_one() -> None:
    ranked = fresh()
    told(ranked, "sampler", [1, 12, 13, 14, 15, 16, 17, 18, 19])
    useless = fresh()
    told(useless, "sampler", [1, 2, 3, 4, 5, 6, 7, 8, 9])
    for gate in (ranked, useless):
        told(gate, "planner", [9.5, 30, 31], 1)
    assert "rests for" not in ranked.choose(["planner"], 2).why
    assert "rests for" in useless.choose(["planner"], 2).why


def test_a_thought_counts_by_its_best_idea() -> None:
    single, spread, poor = fresh(), fresh(), fresh()
    told(single, "planner", [5, 5.1, 5.2])
    told(spread, "planner", [20, 21, 5])
    told(poor, "planner", [20, 21, 22])
    assert single.thoughts.score == spread.thoughts.score > poor.thoughts.score


def test_a_surprise_is_what_chance_seldom_does() -> None:
    rng = random.Random(0)
    drawn = [surprise(min(rng.random() for _ in range(4)), 4, [rng.random() for _ in range(9)]) for _ in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.02)
    assert surprise(0, 1, [1]) == pytest.approx(0.75)
    assert surprise(2, 1, [1]) == pytest.approx(0.25)
    assert surprise(0, 3, range(1, 25)) > 0.9
    assert surprise(20, 3, range(1, 25)) < 0.05


def test_the_share_follows_the_record_within_its_bounds() -> None:
    good, bad = fresh(), fresh()
    assert good.share == pytest.approx(0.5)
    for thought in range(8):
        told(good, "planner", [9 - thought], thought)
        told(good, "sampler", [20.0 + thought])
        told(bad, "planner", [20.0 + thought] * 3, thought)
        told(bad, "sampler", [9.0 - thought])
    assert good.share == pytest.approx(MOST_SHARE)
    assert bad.share == pytest.approx(LEAST_SHARE)


def test_stored_ideas_come_first_but_the_opening_waits_for_a_tenth_of_the_budget_of_them() -> None:
    gate = fresh(budget={"trials": 20})
    for _ in range(2):
        assert gate.choose(["stored", "planner"], 0).arm == "stored"
        told(gate, "stored", [11])
    assert gate.choose(["stored", "planner"], 0).arm == "planner"
    told(gate, "planner", [9, 9.5, 8], 0)
    assert gate.choose(["stored", "planner"], 1).arm == "stored"
