"""How long a run still takes, by its events and a clock that the test moves."""

from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.faces.live.plain import PlainLines
from trimtab.agent.faces.live.remaining import Remaining
from trimtab.agent.testing import make_study


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def event(kind: str, **fields: Any) -> Any:
    """Return an event with what matters here."""
    return getattr(events, kind).model_construct(study="s", **fields)


def finished(seconds: float) -> Any:
    return event(
        "TrialFinished",
        trial=1,
        source="tpe",
        state="failed",
        reason="no",
        duration_s=seconds,
        metrics={},
        incumbent=False,
    )


def progress(phase: str, done: int, total: int) -> Any:
    return event("CheckProgressed", phase=phase, done=done, total=total)


def started(workers: int = 1, trials_done: int = 0) -> Any:
    return event("StudyStarted", workers=workers, trials_done=trials_done, default=None, best=None)


STUDY = make_study(
    budget={"trials": 11},
    evaluation={
        "command": ["true", "{x}", "{n}", "{mode}", "{burst}"],
        "repeats": 2,
        "check_seeds": [101, 102, 103, 104, 105, 106],
    },
    check={"ablation_repeats": 2},
)


def test_nothing_is_known_before_the_first_result() -> None:
    remaining = Remaining(STUDY, Clock())
    remaining.take(started())
    assert remaining.phases() == {}
    assert remaining.line() == ""


def test_every_phase_is_estimated_from_the_first_result() -> None:
    remaining = Remaining(STUDY, Clock())
    remaining.take(started())
    remaining.take(finished(4.0))  # two evaluations of 2 s
    assert remaining.phases() == {"search": 40.0, "race": 48.0, "check": 24.0, "ablation": 28.0, "minimal": 72.0}
    assert remaining.line() == (
        "search: about 40 s left; then race 48 s, check 24 s, perhaps ablation 28 s, perhaps minimal 1 min 12 s"
    )


def test_workers_and_trials_of_an_earlier_run_count() -> None:
    remaining = Remaining(STUDY, Clock())
    remaining.take(started(workers=2, trials_done=6))
    remaining.take(finished(4.0))
    assert remaining.phases()["search"] == 8.0


def test_the_search_is_bounded_by_its_time() -> None:
    remaining = Remaining(STUDY.model_copy(update={"budget": STUDY.budget.model_copy(update={"wall_time_s": 5.0})}))
    remaining.take(started())
    remaining.take(finished(4.0))
    assert remaining.phases()["search"] == 5.0


def test_a_phase_goes_by_its_own_pace() -> None:
    clock = Clock()
    remaining = Remaining(STUDY, clock)
    remaining.take(started())
    remaining.take(finished(4.0))
    remaining.take(progress("check", 1, 6))
    assert remaining.phases() == {"check": 20.0, "ablation": 28.0, "minimal": 72.0}
    clock.now = 30.0
    remaining.take(progress("check", 3, 6))
    assert remaining.phases()["check"] == 45.0
    remaining.take(progress("ablation", 7, 14))
    assert remaining.phases() == {"ablation": 14.0, "minimal": 72.0}


def test_nothing_is_left_at_the_end() -> None:
    remaining = Remaining(STUDY, Clock())
    remaining.take(started())
    remaining.take(finished(4.0))
    remaining.take(event("StudyInterrupted", trials=1, resume=""))
    assert remaining.line() == ""


def test_plain_lines_tell_it_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    face = PlainLines(STUDY, clock)
    face.view.take(started())
    for now in (0.0, 4.0, 8.0, 12.0, 16.0, 20.0):
        clock.now = now
        face.show(finished(4.0))
    out = capsys.readouterr().out
    assert out.count(" left; then race") == 2
    assert out.splitlines()[1].startswith("search: about 40 s left")
