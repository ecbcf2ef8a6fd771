"""A run in all its states: whatever is asked for reaches the run that the person sees, or waits for it."""

import errno
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.chat.approval import Approval
from trimtab.agent.chat.commands import run_command
from trimtab.agent.chat.steering.background import Background
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.memory.store import Store
from trimtab.agent.parts import PLANNERS
from trimtab.agent.testing import FunctionExecutor
from trimtab.agent.trials.trial import Trial
from trimtab.evals.baselines import random_planner
from trimtab.tools.errors import InputError


class Gate:
    """A planner that takes as long to build as a test wants, as one does that asks an endpoint what it has."""

    def __init__(self) -> None:
        self.opening, self.open = threading.Event(), threading.Event()

    def __call__(self, setup: Any) -> Any:
        self.opening.set()
        assert self.open.wait(60)
        return PLANNERS["none"](setup)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    found = Gate()
    monkeypatch.setattr("trimtab.agent.planners.base.PLANNERS", {"none": found})
    yield found
    found.open.set()


def say(control: StudyControl, *lines: str) -> str:
    return [run_command(control, line) for line in lines][-1]


def trials(control: StudyControl) -> list[Trial]:
    return control.history.trials if control.history is not None else []


pytestmark = pytest.mark.usefixtures("evaluated")


def test_changes_while_it_opens_are_those_of_the_run(control: StudyControl, gate: Gate, until: Any) -> None:
    say(control, "/start")
    assert gate.opening.wait(60)
    assert control.state == "opening"
    say(control, "/budget 3", "/freeze mode=fast")
    gate.open.set()
    until(lambda: not control.running)
    assert [trial.configuration["mode"] for trial in trials(control)] == ["slow", "fast", "fast"]
    assert control.stored is not None
    assert len(control.store.studies("quick")) == 1


def test_a_stop_while_it_opens_ends_it_before_the_first_trial(control: StudyControl, gate: Gate, until: Any) -> None:
    say(control, "/start")
    assert "stopping" in say(control, "/stop")
    assert control.state in {"opening", "stopping"}
    gate.open.set()
    until(lambda: not control.running)
    assert trials(control) == []
    assert control.store.studies() == []
    say(control, "/start")
    until(lambda: control.state == "finished")
    assert len(trials(control)) == 6


def test_a_pause_while_it_opens_holds_from_the_start(
    control: StudyControl, gate: Gate, until: Any, evaluated: FunctionExecutor
) -> None:
    say(control, "/start", "/pause")
    gate.open.set()
    until(lambda: control.state == "paused")
    time.sleep(0.2)
    assert evaluated.jobs == []
    assert say(control, "/start") == "going on"
    until(lambda: control.state == "finished")


def test_what_is_to_be_tried_waits_for_the_run_to_open(control: StudyControl, gate: Gate, until: Any) -> None:
    say(control, "/start")
    assert "next: x=0.125" in say(control, "/try x=0.125 mode=fast")
    assert "not tried" in say(control, "/try x=0.125 mode=fast")
    gate.open.set()
    until(lambda: not control.running)
    [asked] = [trial for trial in trials(control) if trial.source.kind == "person"]
    assert asked.configuration == {"x": 0.125, "mode": "fast"}
    assert asked.number == 1


def test_a_finished_study_that_goes_on_can_be_stopped_at_once(control: StudyControl, until: Any) -> None:
    say(control, "/start")
    until(lambda: control.state == "finished")
    say(control, "/budget 100000", "/start")
    assert "stopping" in say(control, "/stop")
    until(lambda: not control.running)
    assert control.state == "stopped"
    assert len(trials(control)) < 1000


def test_a_stop_after_a_change_ends_the_run_and_keeps_the_change(control: StudyControl, until: Any) -> None:
    say(control, "/budget 100000", "/start")
    until(lambda: len(trials(control)) > 3)
    say(control, "/freeze mode=fast", "/stop")
    until(lambda: not control.running)
    assert control.stored is not None
    assert control.store.study(control.stored.key).definition["focus"] == {"mode": {"values": ["fast"]}}
    say(control, f"/study {control.stored.key}")
    assert control.study is not None
    assert list(control.study.focus) == ["mode"]


def test_a_start_right_after_a_stop_goes_on(control: StudyControl, until: Any, evaluated: FunctionExecutor) -> None:
    evaluated.delay_s = 0.2
    say(control, "/start")
    until(lambda: len(trials(control)) == 2)
    assert "stopping" in say(control, "/stop")
    with pytest.raises(InputError, match="the run is ending"):
        say(control, "/try x=0.125")
    assert control.state == "stopping"
    assert say(control, "/start") == "going on"
    evaluated.delay_s = 0
    until(lambda: not control.running)
    assert control.state == "finished"
    assert len(trials(control)) == 6


def test_what_was_confirmed_outlives_the_sessions_in_between(
    control: StudyControl, until: Any, evaluated: FunctionExecutor
) -> None:
    evaluated.delay_s = 0.3
    say(control, "/budget 8", "/start", "/note memory is scarce")
    until(lambda: len(trials(control)) == 1)
    tried = [{"x": 0.25, "mode": "slow"}, {"x": -0.25, "mode": "fast"}]
    for each in tried:  # each change ends a session before the configuration was begun
        say(control, f"/try x={each['x']} mode={each['mode']}", f"/narrow x -0.{len(trials(control)) + 5} 0.9")
    evaluated.delay_s = 0
    until(lambda: not control.running)
    asked = [trial.configuration for trial in trials(control) if trial.source.kind == "person"]
    assert asked == tried
    assert control.session is not None
    assert "memory is scarce" in control.session.proposing.context.notes
    assert any("x is searched from" in note for note in control.session.proposing.context.notes)


def test_an_approved_idea_is_evaluated_though_the_study_changes_meanwhile(
    store: Store, background: Background, tmp_path: Path, quick: str, until: Any, evaluated: FunctionExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("trimtab.agent.planners.base.PLANNERS", {"none": random_planner.build})
    (tmp_path / "a.toml").write_text(quick)
    asked: list[Approval] = []
    control = StudyControl(store, background, on_approval=asked.append, mode="ask")  # type: ignore[arg-type]
    control.open_file(tmp_path / "a.toml")
    say(control, "/budget 30", "/start")
    until(lambda: bool(asked))
    evaluated.delay_s = 0.3
    begun = len(trials(control))
    until(lambda: len(trials(control)) > begun)  # a slow evaluation is under way: what is approved now has to wait
    asked[0].answer.set_result(asked[0].accepted.configuration)
    control.mode = "auto"
    say(control, '/forbid "x > 0.999" "too hot"')
    evaluated.delay_s = 0
    until(lambda: any(trial.configuration == asked[0].accepted.configuration for trial in trials(control)))
    say(control, "/stop")
    until(lambda: not control.running)


def test_whatever_ends_a_run_is_said(
    store: Store, background: Background, tmp_path: Path, quick: str, until: Any, evaluated: FunctionExecutor
) -> None:
    (tmp_path / "a.toml").write_text(quick)
    ends: list[str] = []
    control = StudyControl(store, background, on_end=ends.append)
    control.open_file(tmp_path / "a.toml")

    def full(_configuration: Any, _seed: int) -> dict[str, float]:
        raise OSError(errno.ENOSPC, "No space left on device")

    evaluated.function, working = full, evaluated.function
    say(control, "/start")
    until(lambda: bool(ends))
    assert "No space left on device" in ends[0]
    assert "/start goes on" in ends[0]
    assert control.state == "stopped"
    evaluated.function = working
    say(control, "/start")
    until(lambda: control.state == "finished")
    assert ends[1:] == [""]


def test_a_study_that_is_opened_by_its_key_goes_on_itself(control: StudyControl, tmp_path: Path, until: Any) -> None:
    for _each in range(2):
        control.open_file(tmp_path / "quick.toml")
        say(control, "/start")
        until(lambda: control.state == "finished")
    say(control, "/study quick-1", "/budget 8", "/start")
    until(lambda: not control.running)
    assert control.stored is not None
    assert control.stored.key == "quick-1"
    counts = {each.key: len(control.store.trials(each.id)) for each in control.store.studies()}
    assert counts == {"quick-1": 8, "quick-2": 6}


@pytest.mark.parametrize("running", [False, True])
def test_changes_from_several_threads_are_all_kept(control: StudyControl, until: Any, *, running: bool) -> None:
    if running:
        say(control, "/budget 100000", "/start")
        until(lambda: len(trials(control)) > 2)
    lines = [f'/forbid "x > 0.{900 + each}" "rule {each}"' for each in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: say(control, line), lines))
    assert control.study is not None
    assert {clause.reason for clause in control.study.forbidden} == {f"rule {each}" for each in range(20)}
    say(control, "/stop")
    until(lambda: not control.running)


def test_a_hopeless_run_pauses_and_the_person_decides(
    control: StudyControl, until: Any, evaluated: FunctionExecutor
) -> None:
    def fail(_configuration: Any, _seed: int) -> dict[str, float]:
        raise ValueError("no such file")

    evaluated.function = fail
    say(control, "/budget 40", "/start")
    until(lambda: control.state == "paused")
    paused_at = len(trials(control))
    assert paused_at < 40
    assert say(control, "/start") == "going on"
    until(lambda: len(trials(control)) > paused_at)
    say(control, "/stop")
    until(lambda: not control.running)
