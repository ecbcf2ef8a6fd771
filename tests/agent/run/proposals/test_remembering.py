"""Memory's turn: few trials, more only where they help, and what was learned second."""

import random
from collections.abc import Callable

from trimtab.agent.memory.lessons import Lesson
from trimtab.agent.memory.past import Past
from trimtab.agent.memory.recollection import Recollection
from trimtab.agent.run.proposals.remembering import FIRST, MOST, Remembering
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial

LESSON = Lesson(4, "n", "n = 16 instead of 8", 0.75, 16)


def line() -> Study:
    parameters = {
        "x": {"type": "float", "low": -1, "high": 1, "default": 0},
        "n": {"type": "int", "low": 1, "high": 64, "default": 8},
    }
    return make_study(parameters=parameters, forbidden=[], evaluation={"command": ["true", "{x}", "{n}"]})


def memory(study: Study, *lessons: Lesson) -> Recollection:
    """Studies whose optima lie apart, so that there is always something left to try."""
    found = []
    for index, best in enumerate((-1.0, -0.7, -0.4, -0.1, 0.2, 0.5, 0.8, 1.0)):
        rng = random.Random(index)
        drawn = [study.space.sample(rng) for _ in range(60)]
        results = [(each, abs(float(each["x"]) - best)) for each in drawn]
        found.append(Past(f"past-{index}", 1.0, results))
    return Recollection(lessons=lessons, past=tuple(found))


def played(study: Study, remembered: Recollection, loss: Callable[[float], float]) -> list[Proposal]:
    """Try what memory proposes until it says nothing; `loss` is a function of x."""
    history, remembering, found = History(study), Remembering(study, remembered), list[Proposal]()
    assert remembering.next(history) is None, "the default comes first"
    proposal: Proposal | None = Proposal(study.space.default, DEFAULT)
    while proposal is not None:
        trial = Trial(
            len(history.trials), proposal.source, Candidate(dict(proposal.values)), because=[*proposal.because]
        )
        trial.state, trial.metrics = "complete", {"loss": loss(float(trial.configuration["x"]))}
        history.add(trial)
        history.update(trial)
        proposal = remembering.next(history)
        found += [proposal] if proposal is not None else []
    return found


def test_it_stops_after_three_trials_that_do_not_help() -> None:
    study = line()
    assert 1 < len(played(study, memory(study), lambda x: 1 + abs(x))) <= FIRST == 3


def test_it_goes_on_where_it_beats_the_default_and_the_median() -> None:
    study = line()
    for best in (0.8, 0.5):
        assert FIRST < len(played(study, memory(study), lambda x, best=best: abs(x - best))) <= MOST == 6  # type: ignore[misc]


def test_it_is_silent_where_no_study_ranks_like_this_one() -> None:
    study = line()
    assert len(played(study, memory(study), lambda _x: 1.0)) == FIRST - 1  # three results tell


def test_what_was_learned_comes_second() -> None:
    study = line()
    found = played(study, memory(study, LESSON), lambda x: 1 + abs(x))
    assert [each.because[0].split()[0] for each in found] == ["study", "lesson", "study"]
    assert dict(found[1].values) == {"x": 0, "n": 16}
    assert found[1].because == ("lesson 4",)


def test_an_unsure_lesson_is_not_tried() -> None:
    study = line()
    unsure = Lesson(4, "n", "n = 16 instead of 8", 0.29, 16)
    assert all(
        each.because[0].startswith("study") for each in played(study, memory(study, unsure), lambda x: 1 + abs(x))
    )


def test_lessons_alone_are_enough() -> None:
    study = line()
    (only,) = played(study, Recollection(lessons=(LESSON,)), lambda _x: 1.0)
    assert only.because == ("lesson 4",)
    assert played(study, Recollection(), lambda _x: 1.0) == []
