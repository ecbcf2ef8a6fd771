"""How much the end of a study may cost unasked: what is long beside the search is cut, and told.

A phase that takes at most ten minutes is never cut, nor are the pairs without which a check proves nothing. Beyond
that, race, check and ablation together may take `check.share` of the time that the search's evaluations took. Only
times of the search count, which are stored, so that a run that goes on decides as the one before it did.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..statistics import MIN_PAIRS
from ..study.sections import Study
from ..trials.trial import Trial

UNASKED_S = 600.0
"""What takes longer than this is not measured unasked, seconds."""
LEAST_REPEATS = 2
LEAST_ROUNDS, MOST_ROUNDS = 2, 6


@dataclass
class Allowance:
    """What the phases after the search may take, and what they took by plan. `cut` says in words what was left out.

    `searched_s` are the seconds of the search's evaluations, None where they are not known: then nothing is cut.
    """

    study: Study
    searched_s: float | None
    cut: list[str] = field(default_factory=list)
    _planned_s: float = 0.0

    @property
    def left_s(self) -> float:
        """Seconds that the next phase may take."""
        share = self.study.check.share
        if share == "all" or self.searched_s is None:
            return math.inf
        return max(UNASKED_S, share * self.searched_s - self._planned_s)

    def pairs(self, pair_s: float) -> int:
        """Return how many pairs of so many seconds each the check has."""
        wanted = len(self.study.evaluation.check_seeds)
        fits = max(min(wanted, MIN_PAIRS), _fits(self.left_s, pair_s))
        return self._planned("check", "pairs", wanted, min(wanted, fits), pair_s)

    def rounds(self, sides: int, evaluation_s: float) -> int:
        """Return for how many rounds of all `sides` the race goes on at most; 0: there is none."""
        fits = _fits(self.left_s, sides * evaluation_s)
        rounds = min(MOST_ROUNDS, fits) if fits >= LEAST_ROUNDS else 0
        return self._planned("race of the best", "rounds", MOST_ROUNDS, rounds, sides * evaluation_s)

    def repeats(self, changes: int, evaluation_s: float) -> int:
        """Return how often each step of the ablation of so many changes is measured; 0: there is none."""
        wanted = self.study.check.ablation_repeats
        fits = (_fits(self.left_s, evaluation_s) - changes) // (changes + 1)
        repeats = min(wanted, fits) if fits >= LEAST_REPEATS else 0
        each = evaluation_s * (changes + 1 + changes / (repeats or wanted))
        return self._planned("ablation", "repeats", wanted, repeats, each)

    def _planned(self, phase: str, unit: str, wanted: int, used: int, each_s: float) -> int:
        if used < wanted:
            what = f"{used} of {wanted} {unit}" if used else "left out"
            why = f"all would take {_time(wanted * each_s)}, which is long beside the search's {_time(self.searched_s)}"
            self.cut.append(f"{phase}: {what}; {why} (check.share = 'all' measures it)")
        self._planned_s += used * each_s
        return used


def most_ablation(changes: int, repeats: int) -> int:
    """Return how many evaluations an ablation of so many changes takes at most."""
    return repeats * (changes + 1) + changes if repeats else 0


def searched_s(study: Study, trials: Sequence[Trial]) -> float:
    """Return how long the evaluations of a search took, seconds, by its workers side by side."""
    return sum(trial.duration_s for trial in trials) / study.evaluation.workers


def evaluation_s(study: Study, trial: Trial) -> float:
    """Return how long one evaluation of a trial took, seconds."""
    return trial.duration_s / (len(trial.values) or study.evaluation.repeats)


def _fits(seconds: float, each: float) -> int:
    return 10**9 if each <= 0 or math.isinf(seconds) else int(seconds / each)


def _time(seconds: float | None) -> str:
    minutes = (seconds or 0.0) / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.3g} h"
