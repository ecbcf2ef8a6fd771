"""What a stored study found, and what is offered of it: one answer for `apply`, `verify`, `patch` and the report."""

from dataclasses import replace

from pydantic import ValidationError

from ...tools.errors import InputError, TrimtabError
from ..events import StudyFinished
from ..memory.store.rows import StoredStudy
from ..trials.candidate import Candidate
from ..trials.history import History
from ..trials.trial import Trial


def result_of(stored: StoredStudy) -> StudyFinished | None:
    """Return the result that was stored last, None where there is none yet.

    Raises:
        TrimtabError: it cannot be read.
    """
    if not stored.result:
        return None
    try:
        return StudyFinished.model_validate({"time": stored.created, **stored.result})
    except ValidationError:
        raise TrimtabError(f"{stored.key}: its result cannot be read: it was damaged") from None


def numbered(stored: StoredStudy, history: History, number: int) -> Trial:
    """Return a trial of a stored study.

    Raises:
        InputError: it has none of this number.
    """
    if not 0 <= number < len(history.trials):
        there = f"it has 0 to {len(history.trials) - 1}" if history.trials else "nothing was measured yet"
        raise InputError(f"{stored.key} has no trial {number}", there)
    return history.trials[number]


def offered_trial(stored: StoredStudy, history: History, *, whole: bool) -> Trial | None:
    """Return the trial that was checked, as it is offered: see `StudyFinished.offered`. None where none was checked."""
    result = result_of(stored)
    if result is None or result.best is None:
        return None
    trial, configuration = numbered(stored, history, result.best.trial), result.offered(whole=whole)
    if configuration is None or configuration == trial.configuration:
        return trial
    return replace(trial, candidate=Candidate(configuration, trial.candidate.patch))
