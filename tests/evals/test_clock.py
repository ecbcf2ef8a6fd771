"""The clock that jumps, and on it the bars of waiting: how long a run waits for its planner, and what that buys."""

import asyncio
import time
from itertools import product
from pathlib import Path

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Context
from trimtab.agent.planners.none import NoPlanner
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import Source
from trimtab.evals.clock import JumpingLoop, TimedPlanner


class Ideas:
    """Always has as many ideas as it is asked for, none twice."""

    name, why, done = "ideas", "a test", False

    def __init__(self) -> None:
        self.given = 0
        self.asked: list[Context] = []

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        self.asked.append(context)
        self.given += n
        numbers = range(self.given - n, self.given)
        return [
            Proposal({"x": 0.4 - 0.001 * each, "n": 8, "mode": "slow"}, Source("planner", "ideas")) for each in numbers
        ]

    async def close(self) -> None:
        pass


def on_the_clock(main: object) -> object:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)  # type: ignore[arg-type]


def search(folder: Path, latency_s: float | None, evaluation_s: float, trials: int, **sections: object) -> "Run":
    """Run a study on the clock; no planner where `latency_s` is None."""
    study = make_study(budget={"trials": trials}, check={"ablation": False}, **sections)
    store = Store(f"sqlite:///{folder / 'store.db'}", power_safe=False)
    ideas = Ideas()
    planner = NoPlanner() if latency_s is None else TimedPlanner(ideas, latency_s)
    found = Run(ideas)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        executor = FunctionExecutor(lambda c, _seed: {"loss": 1 + abs(c["x"])}, delay_s=evaluation_s)  # type: ignore[arg-type]
        began = loop.time()
        async for event in Session.start(study, store, planner).run(executor):  # type: ignore[arg-type]
            found.events.append(event)
            if isinstance(event, events.TrialFinished):
                found.search_s = loop.time() - began
                if event.trial == trials - 1:
                    break

    on_the_clock(main())
    store.close()
    return found


class Run:
    def __init__(self, ideas: Ideas) -> None:
        self.ideas, self.search_s = ideas, 0.0
        self.events: list[events.Event] = []

    @property
    def sources(self) -> list[str]:
        return [event.source for event in self.events if isinstance(event, events.TrialStarted)]

    @property
    def asked(self) -> list[events.PlannerAsked]:
        return [event for event in self.events if isinstance(event, events.PlannerAsked)]


def test_time_jumps_unless_something_real_is_under_way() -> None:
    async def main() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        began, really = loop.time(), time.monotonic()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(7200))
        jumped, took = loop.time() - began, time.monotonic() - really
        really = time.monotonic()
        with loop.real_time():
            await asyncio.sleep(0.2)
        return jumped, took, time.monotonic() - really

    jumped, took, waited = on_the_clock(main())  # type: ignore[misc]
    assert jumped == pytest.approx(7200, abs=60)
    assert took < 3600
    assert waited >= 0.2


@pytest.mark.parametrize(("latency_s", "evaluation_s"), list(product([1.0, 10.0, 60.0], [0.5, 5.0, 60.0])))
def test_waiting_buys_ideas_and_stays_within_its_bounds(tmp_path: Path, latency_s: float, evaluation_s: float) -> None:
    for trials in (10, 25, 50):
        (tmp_path / str(trials)).mkdir()
        run = search(tmp_path / str(trials), latency_s, evaluation_s, trials)
        alone_s = evaluation_s * trials
        patience_s = min(60.0, max(15.0, alone_s / 4))
        assert run.asked[0].kind == "opening"
        assert run.asked[0].wait_s == pytest.approx(patience_s)
        if latency_s <= patience_s:
            assert run.sources[1] == "planner"
            used_s = latency_s
        else:
            answered = 1 + int((latency_s - patience_s) / evaluation_s)
            assert "planner" not in run.sources[:answered]
            assert "planner" in [*run.sources[answered : answered + 2], *["planner"] * (answered + 1 >= trials)]
            used_s = patience_s
        assert run.search_s <= 1.35 * alone_s + used_s + 0.1


def test_the_second_look_comes_by_right_when_half_of_the_opening_has_results(tmp_path: Path) -> None:
    run = search(tmp_path, 1.0, 5.0, 12)
    opening, second = run.ideas.asked[:2]
    assert opening.question.kind == "opening"
    assert [trial.source.kind for trial in opening.history.finished] == ["default"]
    assert second.question.kind == "second look"
    assert sum(trial.source.kind == "planner" for trial in second.history.finished) == 3
    assert len(second.waiting) + sum(trial.source.kind == "planner" for trial in second.history.trials) == 6


def test_a_slow_planner_is_asked_for_batches_at_a_few_points_and_a_fast_one_step_by_step(tmp_path: Path) -> None:
    for name in ("slow", "fast"):
        (tmp_path / name).mkdir()
    slow, fast = search(tmp_path / "slow", 20.0, 2.0, 40), search(tmp_path / "fast", 1.0, 60.0, 40)
    assert [each.kind for each in slow.asked] == ["opening", "second look", "look", "look", "look"]
    assert all(3 <= each.question.ideas <= 8 and not each.question.look_around for each in slow.ideas.asked[2:])
    assert {each.kind for each in fast.asked[2:]} == {"step"}
    assert all(each.question.ideas == 1 and each.question.look_around for each in fast.ideas.asked[2:])


def test_a_rhythm_can_be_set(tmp_path: Path) -> None:
    run = search(tmp_path, 20.0, 2.0, 40, planner={"rhythm": "stepwise"})
    assert "step" in {each.kind for each in run.asked}


def test_patience_can_be_set_and_its_earlier_name_is_read(tmp_path: Path) -> None:
    for given in ({"patience": 0}, {"patience_s": 0}, {"patience": 300}):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        run = search(folder, 100.0, 1.0, 20, planner=given)
        assert run.asked[0].wait_s == max(given.values())
        assert (run.sources[1] == "planner") == (given == {"patience": 300})


def test_a_new_thought_replaces_the_ideas_that_wait_but_not_an_openings(tmp_path: Path) -> None:
    run = search(tmp_path, 20.0, 2.0, 60, planner={"share": 0.5, "rhythm": "batch"}, gate="bandit")
    tried = [e.configuration["x"] for e in run.events if isinstance(e, events.TrialStarted) and e.source == "planner"]
    numbers = [round((0.4 - float(x)) / 0.001) for x in tried]
    assert numbers[:6] == [0, 1, 2, 3, 4, 5]
    assert numbers == sorted(numbers)
    assert len(numbers) < run.ideas.given


def test_the_person_can_skip_the_wait(tmp_path: Path) -> None:
    study = make_study(budget={"trials": 5}, check={"ablation": False})
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", power_safe=False)

    async def main() -> list[str]:
        session = Session.start(study, store, TimedPlanner(Ideas(), 14.0))
        asyncio.get_running_loop().call_later(3.0, session.proposing.skip)
        executor = FunctionExecutor(lambda c, _seed: {"loss": 1 + abs(c["x"])}, delay_s=1.0)  # type: ignore[arg-type]
        return [e.source async for e in session.run(executor) if isinstance(e, events.TrialStarted)]

    assert on_the_clock(main()) == ["default", "random", "random", "random", "random"]
