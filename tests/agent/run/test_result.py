"""What is offered of a stored result: one answer, live and stored."""

from dataclasses import replace
from typing import Any

import pytest

from trimtab.agent.events import BestTrial, MinimalConfiguration, StudyFinished
from trimtab.agent.memory.store.rows import StoredStudy
from trimtab.agent.run.result import numbered, offered_trial, result_of
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError, TrimtabError

WHOLE: dict[str, Any] = {"x": 0.5, "n": 3, "mode": "slow"}
LESS: dict[str, Any] = {"x": 0.5, "n": 1, "mode": "slow"}


def stored(*, accepted: bool, smaller: bool = True) -> tuple[StoredStudy, History, StudyFinished]:
    minimal = MinimalConfiguration(configuration=LESS, dropped={"n": (3, 1)}, accepted=accepted, verdict="")
    finished = StudyFinished(
        study="s-1",
        trials=2,
        stopped_by="",
        best=BestTrial(trial=1, configuration=WHOLE, metrics={"loss": 1.0}),
        default=None,
        check=None,
        minimal=minimal if smaller else None,
        planner="none",
        sampler="tpe",
        sandbox="",
    )
    history = History(make_study())
    history.add(Trial(0, DEFAULT, Candidate({"x": 1.0, "n": 1, "mode": "slow"}), "complete"))
    history.add(Trial(1, Source("sampler", "tpe"), Candidate(WHOLE, "an edit"), "complete"))
    study = StoredStudy(1, "s-1", "s", {}, 1, "", {}, "finished", 5.0, 0.0, finished.model_dump(mode="json"))
    return study, history, finished


@pytest.mark.parametrize(
    ("accepted", "smaller", "whole", "expected"),
    [(True, True, False, LESS), (True, True, True, WHOLE), (False, True, False, WHOLE), (False, False, False, WHOLE)],
)
def test_live_and_stored_results_offer_the_same(accepted: bool, smaller: bool, whole: bool, expected: Any) -> None:
    study, history, finished = stored(accepted=accepted, smaller=smaller)
    assert finished.offered(whole=whole) == expected
    trial = offered_trial(study, history, whole=whole)
    assert trial is not None
    assert (trial.number, trial.configuration, trial.candidate.patch) == (1, expected, "an edit")
    assert history.trials[1].configuration == WHOLE


def test_nothing_is_offered_without_a_result_and_a_damaged_one_is_told() -> None:
    study, history, _ = stored(accepted=True)
    assert offered_trial(replace(study, result=None), history, whole=False) is None
    with pytest.raises(TrimtabError, match="s-1: its result cannot be read"):
        result_of(replace(study, result={"trials": "many"}))
    with pytest.raises(InputError, match="s-1 has no trial 2"):
        numbered(study, history, 2)
