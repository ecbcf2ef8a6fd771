"""Tuning from Python: from a script, inside a running event loop, and one trial at a time."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import Session, tune, tune_async
from trimtab.agent.events import Event, StudyFinished, TrialFinished
from trimtab.agent.memory.store import Store
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import Source
from trimtab.tools.errors import InputError, TrimtabError
from trimtab.tools.loop_thread import LoopThread

PROGRAM = """
import json, sys
x = float(sys.argv[1])
if x == 0.75:
    sys.exit("nothing works")
print(json.dumps({"loss": 1 + x * x}))
"""


def quick(folder: Path, default: float = 0.5, **budget: Any) -> Study:
    (folder / "program.py").write_text(PROGRAM)
    return make_study(
        folder,
        parameters={"x": {"type": "float", "low": -1.0, "high": 1.0, "default": default}},
        forbidden=[],
        evaluation={"command": ["{python}", "{study_dir}/program.py", "{x}"], "check_seeds": [11, 12, 13, 14, 15]},
        budget={"trials": 3, **budget},
        check={"ablation": False},
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def states(url: str) -> list[str]:
    store = Store(url)
    found = [each.state for each in store.studies()]
    store.close()
    return found


def test_a_script_gets_its_result(tmp_path: Path, url: str) -> None:
    seen: list[Event] = []
    result = tune(quick(tmp_path), store=url, on_event=seen.append)
    assert result.metrics == result.report.best.metrics
    assert isinstance(seen[-1], StudyFinished)
    assert states(url) == ["finished"]
    assert tune(quick(tmp_path, trials=4), store=url, resume=True).report.trials == 4


async def test_a_notebook_gets_its_result_too(tmp_path: Path, url: str) -> None:
    result = tune(quick(tmp_path), store=url)
    assert result.report.trials == 3
    assert states(url) == ["finished"]


async def test_other_tasks_go_on_while_a_study_runs_in_their_loop(tmp_path: Path, url: str) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    beating = asyncio.create_task(beat())
    result = await tune_async(quick(tmp_path), store=url)
    beating.cancel()
    assert result.report.trials == 3
    assert beats > 3


async def test_a_cancelled_study_can_be_resumed(tmp_path: Path, url: str) -> None:
    study = quick(tmp_path, trials=5)
    seen: list[Event] = []
    running = asyncio.create_task(tune_async(study, store=url, on_event=seen.append))
    while not any(isinstance(each, TrialFinished) for each in seen):
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert states(url) == ["interrupted"]
    assert (await tune_async(study, store=url, resume=True)).report.trials == 5


async def test_an_error_leaves_no_study_running(tmp_path: Path, url: str) -> None:
    def complain(_event: Event) -> None:
        raise RuntimeError("the caller's own error")

    with pytest.raises(RuntimeError, match="own error"):
        tune(quick(tmp_path), store=url, on_event=complain)
    pinned = make_study(tmp_path, evaluation={"workers": 256, "pin_cpus": True})
    with pytest.raises(InputError, match="pin_cpus"):
        tune(pinned, store=url)
    with pytest.raises(TrimtabError, match="no complete trial"):
        tune(quick(tmp_path, default=0.75, trials=1), store=url)
    assert "running" not in states(url)


class Recalling:
    """A planner that begins something at its first thought and needs it at the second, as one with a model does."""

    name, why, done = "recalling", "a test", False

    def __init__(self) -> None:
        self.ready: asyncio.Task[float] | None = None
        self.closed = False

    async def propose(self, _context: Any, _n: int) -> list[Proposal]:
        if self.ready is None:
            self.ready = asyncio.create_task(asyncio.sleep(0.05, 0.125))
            return [Proposal({"x": 0.25}, Source("planner", "somebody"), "first")]
        return [Proposal({"x": await self.ready}, Source("planner", "somebody"), "second")]

    async def close(self) -> None:
        self.closed = True


def asked(study: Study, store: Store) -> tuple[Recalling, list[Any]]:
    planner = Recalling()
    session = Session.start(
        study.model_copy(update={"gate": study.gate.model_copy(update={"policy": "planner"})}), store, planner
    )
    values = []
    for _ in range(3):
        trial = session.ask()
        values.append(trial.configuration["x"])
        session.tell(trial.number, {"loss": 1.0})
    session.close()
    return planner, values


def test_a_planner_keeps_what_it_began_between_two_asks(study: Study, store: Store) -> None:
    before = threading.active_count()
    planner, values = asked(study, store)
    assert values == [0.5, 0.25, 0.125]
    assert planner.closed
    assert threading.active_count() == before


async def test_trials_can_be_asked_for_inside_a_running_loop(study: Study, store: Store) -> None:
    assert asked(study, store)[1] == [0.5, 0.25, 0.125]


def test_a_session_that_was_asked_for_nothing_closes(study: Study, store: Store) -> None:
    session = Session.start(study, store)
    session.close()
    session.close()
    assert store.studies()[0].state == "interrupted"


def test_an_interrupt_waits_for_the_end_of_what_it_interrupts() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append("restored")

    class Interrupted(LoopThread):
        def _wait_for(self, coroutine: Any) -> Any:
            if coroutine.__name__ == "wait" and not ended and not self.interrupted:
                self.interrupted = True
                coroutine.close()
                raise KeyboardInterrupt
            return super()._wait_for(coroutine)

        interrupted = False

    with Interrupted() as thread, pytest.raises(KeyboardInterrupt):
        thread.run(work())
    assert ended == ["restored"]
    thread.close()


def test_the_result_is_what_apply_writes_and_the_whole_incumbent_by_a_flag(url: str) -> None:
    def measure(configuration: dict[str, Any]) -> float:
        return float(1 + configuration["matters"])

    def run(**how: Any) -> Any:
        space = {"matters": (0, 9), **dict.fromkeys("abcd", (0, 9))}
        default = dict.fromkeys(space, 9)
        sections = {"sampler": {"name": "random"}, "planner": {"name": "none"}}
        return tune(measure, space, store=url, default=default, name="s", trials=12, sections=sections, **how)

    result = run()
    assert result.improved
    less, whole = result.configuration, run(resume=True, full=True).configuration
    assert whole == result.report.best.configuration
    assert less == {**whole, "a": 9, "b": 9, "c": 9, "d": 9} != whole
