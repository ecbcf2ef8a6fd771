"""Branches of a study: its trials by the edit of the program that they were measured with.

An optimizer learns from all of them: the effect of an edit is divided out, as it was where both programs had the same
configuration. So what the parameters do is a prior that branches share, and each branch's own trials correct it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import stdev, variance

from ..study.sections import Study
from ..study.space import key
from .candidate import branch
from .history import History
from .trial import Trial


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
    """Return the trial whose code a sampler's next trial has: the best one of the branch whose turn it is.

    A bandit decides: the branch with the smallest lower bound of what it may reach, which is its best result, less the
    spread of results within branches times sqrt(log(all trials) / its own) (after UCB1, Auer et al., 2002). So a branch
    that was hardly tuned gets its chance, and one that is far behind does not. With `code.branches = "best"` it is
    always the incumbent's.
    """
    best = history.incumbent
    code = history.study.code
    if best is None or (code is not None and code.branches == "best"):
        return best
    complete: dict[str, list[Trial]] = {branch_of(best): [best]}
    pulls: Counter[str] = Counter()
    for trial in history.finished:
        pulls[branch_of(trial)] += 1
        if (
            trial.state == "complete"
            and trial is not best
            and history.study.space.violated(trial.configuration) is None
        ):
            complete.setdefault(branch_of(trial), []).append(trial)
    losses = {own: [history.losses(each)[0] for each in trials] for own, trials in complete.items()}
    scaled = _scaled(losses)
    spread, total = _spread(list(scaled.values())), sum(pulls.values())

    def bound(own: str) -> float:
        return min(scaled[own]) - spread * math.sqrt(math.log(max(2, total)) / max(1, pulls[own]))

    turn = min(complete, key=bound)
    return best if turn == branch_of(best) else min(complete[turn], key=history.losses)


def _scaled(losses: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return losses so that equal factors are equal differences, where they have one sign."""
    every = [loss for each in losses.values() for loss in each]
    if min(every) > 0:
        return {own: [math.log(loss) for loss in each] for own, each in losses.items()}
    if max(every) < 0:
        return {own: [-math.log(-loss) for loss in each] for own, each in losses.items()}
    return {own: list(each) for own, each in losses.items()}


def _spread(groups: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation within groups; of all together, where each has one member only."""
    freedom = sum(len(each) - 1 for each in groups)
    if freedom:
        return math.sqrt(sum(variance(each) * (len(each) - 1) for each in groups if len(each) > 1) / freedom)
    every = [value for each in groups for value in each]
    return stdev(every) if len(every) > 1 else 0.0


def seen_on(history: History, patch: str | None) -> dict[str, int]:
    """Return the keys of the configurations that were tried with an edit, with their trials."""
    return {key(trial.configuration): trial.number for trial in history.trials if branch_of(trial) == branch(patch)}
