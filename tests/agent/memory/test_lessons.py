"""Lessons: made of what was proved, judged by what happens next, kept apart where they were refuted."""

import dataclasses
import time
from typing import Any

import pytest

from trimtab.agent.events import AblationStep, BestTrial, CheckResult, StudyFinished
from trimtab.agent.memory.consolidation import consolidate, judged
from trimtab.agent.memory.lessons import QUARANTINE, contradicted, lessons_for, state_of, sureness, words_of
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.lessons import StoredLesson
from trimtab.agent.memory.store.profiles import Profile
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

CHECK = CheckResult(metric="loss", ratio=2.0, low=1.9, high=2.1, pairs=10, improved=True, verdict="improved")


def history(study: Study, results: list[tuple[dict[str, Any], float | None]]) -> History:
    found = History(study)
    for number, (values, loss) in enumerate(results):
        configuration = study.space.repair({**study.space.default, **values}).configuration
        trial = Trial(number, Source("default" if number == 0 else "sampler", ""), Candidate(configuration))
        trial.state, trial.metrics = ("complete", {"loss": loss}) if loss is not None else ("failed", {})
        trial.reason = None if loss is not None else "killed: out of memory"
        found.add(trial)
        found.update(trial)
    return found


def ended(*steps: AblationStep, check: CheckResult | None = CHECK) -> StudyFinished:
    best = BestTrial(trial=7, configuration={"x": -0.5}, metrics={"loss": 1.0})
    return StudyFinished(
        study="s-1", trials=10, stopped_by="budget", best=best, default=None, check=check, ablation=list(steps),
        planner="none", sampler="tpe", sandbox="none",
    )  # fmt: skip


def step(name: str, before: Any, after: Any, ratio: float, *, matters: bool = True) -> AblationStep:
    return AblationStep(
        parameters={name: (before, after)}, ratio=ratio, low=ratio * 0.9, high=ratio * 1.1, matters=matters
    )


def learn(store: Store, study: Study, end: StudyFinished, trials: History | None = None, project: str = "/p") -> int:
    stored = start_study(store, study)
    store.release(stored.id, "finished")
    consolidate(store, study, stored.id, project, trials or history(study, [({}, 2.0)]), end)
    return stored.id


def test_proved_steps_become_lessons_and_others_do_not(store: Store) -> None:
    steps = [
        step("x", 0.5, -0.5, 2.0),
        step("n", 8, 32, 0.8),
        step("mode", "slow", "fast", 1.3, matters=False),
        AblationStep(parameters={"x": (0.5, 0.1), "n": (8, 9)}, ratio=2.0, low=1.9, high=2.1, matters=True),
    ]
    learn(store, make_study(), ended(*steps))
    first, second = store.lessons()
    assert words_of(first) == "x = -0.5 instead of 0.5: loss 2x (1.8 to 2.2) better"
    assert words_of(second) == "n = 8 instead of 32: loss 1.25x (1.14 to 1.39) better"
    assert first.statement["trials"] == [0, 7]
    assert (first.study, first.project, state_of(first), sureness(first)) == ("small-1", "/p", "active", 0.5)


def test_a_study_that_was_not_checked_teaches_nothing(store: Store) -> None:
    learn(store, make_study(), ended(step("x", 0.5, -0.5, 2.0), check=None))
    assert store.lessons() == []


def test_a_region_that_fails_beyond_chance_becomes_a_lesson(store: Store) -> None:
    study = make_study()
    results: list[tuple[dict[str, Any], float | None]] = [({"n": n}, 1.0 + n) for n in range(1, 12)]
    results += [({"n": n}, None) for n in range(40, 46)]
    learn(store, study, ended(), history(study, results))
    (lesson,) = store.lessons()
    assert words_of(lesson) == "n >= 40: 6 of 6 trials failed"
    again = history(study, [({"n": 8}, 1.0), *(({"n": n}, 1.0) for n in range(50, 56))])
    assert judged(study, lesson, again, []) == "refuted"
    assert judged(study, lesson, history(study, results), []) == "confirmed"
    assert judged(study, lesson, history(study, results[:11]), []) == ""


def test_failures_everywhere_are_no_region(store: Store) -> None:
    study = make_study()
    spread: list[tuple[dict[str, Any], float | None]] = [({"n": n}, None if n % 3 else 1.0) for n in range(1, 19)]
    learn(store, study, ended(), history(study, spread))
    assert store.lessons() == []


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (step("x", 0.5, -0.9, 1.5), "confirmed"),
        (step("x", 0.5, 0.9, 0.7), "confirmed"),
        (step("x", 0.5, -0.9, 0.7), "refuted"),
        (step("x", 0.5, -0.9, 0.7, matters=False), ""),
        (step("n", 8, 9, 1.5), ""),
    ],
)
def test_a_later_ablation_judges(store: Store, said: AblationStep, verdict: str) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    (lesson,) = store.lessons()
    assert judged(study, lesson, history(study, [({}, 1.0)]), [said]) == verdict


def results(better: float) -> list[tuple[dict[str, Any], float | None]]:
    """Trials in which n moves with x, as in a search that has found both, but x alone matters."""
    return [
        ({"x": (index % 10) / 5 - 0.9, "n": 1 + index % 7}, 1 + abs(index % 10 / 5 - 0.9 - better))
        for index in range(40)
    ]


def test_trials_judge_where_no_ablation_does(store: Store) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.9, 2.0), step("n", 8, 2, 2.0)))
    about_x, about_n = store.lessons()
    assert judged(study, about_x, history(study, results(-0.9)), []) == "confirmed"
    assert judged(study, about_x, history(study, results(0.9)), []) == "refuted"
    assert judged(study, about_n, history(study, results(-0.9)), []) == ""
    assert judged(study, about_x, history(study, results(-0.9)[:5]), []) == ""


def test_a_refuted_lesson_ends_in_quarantine_and_is_told_to_nobody(store: Store) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.9, 2.0)))
    assert [each.number for each in lessons_for(store, study, "/p")] == [1]
    for _ in range(2):
        learn(store, study, ended(), history(study, results(0.9)))
    lesson = store.lessons(numbers=[1])[0]
    assert (lesson.confirmed, lesson.refuted, state_of(lesson)) == (0, 2, "quarantined")
    assert sureness(lesson) < QUARANTINE
    assert 1 not in [each.number for each in lessons_for(store, study, "/p")]


def test_the_same_lesson_is_counted_not_repeated(store: Store) -> None:
    study = make_study()
    for _ in range(3):
        learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    (lesson,) = store.lessons()
    assert (lesson.confirmed, lesson.refuted) == (2, 0)


def test_opposite_lessons_are_shown_as_such(store: Store) -> None:
    study = make_study()
    learn(store, study, ended(step("mode", "slow", "fast", 2.0)))
    learn(store, study, ended(step("mode", "fast", "slow", 2.0)))
    first, second = store.lessons()
    assert contradicted(first, [first, second]) == [second.number]
    assert first.refuted == 1


@pytest.mark.parametrize(
    "other",
    [
        {"objectives": [{"metric": "loss", "direction": "maximize"}]},
        {"parameters": {"x": {"type": "float", "low": -1, "high": 1, "default": 0, "unit": "MB"}}, "forbidden": [],
         "evaluation": {"command": ["true", "{x}"]}},
        {"parameters": {"x": {"type": "float", "low": 0, "high": 1, "default": 0}}, "forbidden": [],
         "evaluation": {"command": ["true", "{x}"]}},
    ],
)  # fmt: skip
def test_lessons_speak_only_where_their_scope_holds(store: Store, other: dict[str, Any]) -> None:
    learn(store, make_study(), ended(step("x", 0.5, -0.5, 2.0)))
    assert lessons_for(store, make_study(), None)
    assert lessons_for(store, make_study(**other), None) == []


def test_a_lesson_of_another_project_is_not_told(store: Store) -> None:
    learn(store, make_study(), ended(step("x", 0.5, -0.5, 2.0)), project="/other")
    assert lessons_for(store, make_study(), "/p") == []
    assert len(lessons_for(store, make_study(), None)) == 1


def test_age_and_another_machine_make_less_sure(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    (now,) = lessons_for(store, study, None)
    then = time.time() + 365 * 86400
    monkeypatch.setattr("trimtab.agent.memory.lessons.time.time", lambda: then)
    (later,) = lessons_for(store, study, None)
    assert later.confidence == pytest.approx(now.confidence / 2, rel=0.01)
    monkeypatch.setattr("trimtab.agent.memory.lessons.machine_facts", lambda: {"memory": 1 << 60, "cores": 1})
    (elsewhere,) = lessons_for(store, study, None)
    assert elsewhere.confidence == pytest.approx(0.8 * later.confidence, rel=0.01)


def test_deleting_a_study_deletes_its_lessons_and_what_it_said(store: Store) -> None:
    study = make_study()
    first = learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    second = learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    assert store.lessons()[0].confirmed == 1
    store.acquire(second)
    store.delete(second)
    assert store.lessons()[0].confirmed == 0
    store.acquire(first)
    store.delete(first)
    assert store.lessons() == []
    assert store.find_text("helps") == []


def test_a_retired_lesson_is_kept_and_not_told(store: Store) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    store.retire_lesson(1)
    assert state_of(store.lessons()[0]) == "retired"
    assert lessons_for(store, study, None) == []


def test_a_lesson_has_a_scope_in_the_store(store: Store) -> None:
    study = make_study()
    learn(store, study, ended(step("x", 0.5, -0.5, 2.0)))
    lesson: StoredLesson = store.lessons()[0]
    assert (lesson.aims, lesson.trait) == (Profile.of(study).aims, "x:float:")
    assert dataclasses.asdict(lesson)["statement"]["machine"].keys() == {"memory", "cores"}
