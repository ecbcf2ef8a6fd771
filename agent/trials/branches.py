"""Branches of a study: its trials by the edit of the program that they were measured with.

An optimizer learns from all of them: the effect of an edit is divided out, as it was where both programs had the same
configuration. So what the parameters do is a prior that branches share, and each branch's own trials correct it.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..study.sections import Study
from ..study.space import key
from .candidate import branch
from .history import History
from .trial import Trial

_OTHER_EVERY = 5
"""A sampler's every fifth trial is of the second-best branch: the best one may have been lucky, or fit to be passed."""


class Branches:
    """By how much each edit changed the objective, as a factor on the program as it stands."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._factors: dict[str, float] = {"": 1.0}

    def levelled(self, trial: Trial, trials: Sequence[Trial]) -> Trial:
        """Return a finished trial with its result as the program without an edit would have had it, by all we know."""
        own = branch_of(trial)
        if own and own not in self._factors and trial.state == "complete":
            self._factors[own] = self._factor(trial, trials)
        factor = self._factors.get(own, 1.0)
        if factor == 1.0 or not trial.metrics:
            return trial
        metric = self.study.objectives[0].metric
        if metric not in trial.metrics:
            return trial
        return replace(trial, metrics={**trial.metrics, metric: trial.metrics[metric] / factor})

    def _factor(self, trial: Trial, trials: Sequence[Trial]) -> float:
        metric = self.study.objectives[0].metric
        known = [t for t in trials if t.state == "complete" and t is not trial and branch_of(t) in self._factors]
        same = [t for t in known if t.configuration == trial.configuration]
        parent = [t for t in known if t.number == (trial.parent or 0)]
        for other in (*same, *parent):
            there = other.metrics[metric] / self._factors[branch_of(other)]
            if there > 0 and trial.metrics[metric] > 0:
                return trial.metrics[metric] / there
        return 1.0


def branch_of(trial: Trial) -> str:
    """Return what is equal for trials of one branch; '' for the program as it stands."""
    return branch(trial.candidate.patch)


def next_branch(history: History) -> Trial | None:
    """Return the trial whose code a sampler's next trial has: the incumbent, or the best of the next-best branch."""
    best = history.incumbent
    if best is None:
        return None
    by_sampler = sum(trial.source.kind == "sampler" for trial in history.trials)
    if by_sampler % _OTHER_EVERY == _OTHER_EVERY - 1:
        others = [t for t in history.trials if t.state == "complete" and branch_of(t) != branch_of(best)]
        return min(others, key=history.losses, default=best)
    return best


def seen_on(history: History, patch: str | None) -> dict[str, int]:
    """Return the keys of the configurations that were tried with an edit, with their trials."""
    return {key(trial.configuration): trial.number for trial in history.trials if branch_of(trial) == branch(patch)}
