"""Iterative-deepening Hyperband (Brandt et al., arXiv 2302.00511): the last step may be raised without a new start.

The published algorithm fills synchronous brackets; here each trial decides for itself when it reaches a rung, as in
asynchronous successive halving, with the three published answers to which earlier trials count. When the last step
is raised from R to eta * R, trials that ended at R stand at a new rung: `continuations` names those to be run on.

- efficient: a promotion stands. A rung promotes n // eta trials in all, so fewer of the new ones are needed.
- preserve: everything measured at a rung competes there, and whoever is among the best n // eta goes on.
- discard: only those compete that would still be promoted at every rung below, given all that is known now.
"""

import hashlib
import math
from collections.abc import Sequence

from optuna import Study
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .base import PruningSetting, Variant

CONTINUES = "trimtab:continues"
"""User attribute: the number of the trial that this one runs on. Of the two only this one counts."""


class IterativeDeepeningPruner(BasePruner):
    """Hyperband whose `high` may grow from one run of a study to the next."""

    def __init__(self, low: int = 1, high: int = 81, eta: int = 3, variant: Variant = "efficient") -> None:
        """Make the brackets: rung i of bracket b stands at step low * eta ** (b + i)."""
        self.low, self.high, self.eta, self.variant = low, high, eta, variant
        self.brackets = 1 + math.floor(math.log(high / low) / math.log(eta) + 1e-9)

    def bracket(self, trial: FrozenTrial) -> int:
        """Return a trial's bracket, fixed by its number, with the shares that Hyperband gives the brackets."""
        weights = [math.ceil(self.brackets * self.eta**s / (s + 1)) for s in reversed(range(self.brackets))]
        digest = hashlib.blake2b(str(trial.user_attrs.get(CONTINUES, trial.number)).encode(), digest_size=8).digest()
        at = int.from_bytes(digest, "big") / 2**64 * sum(weights)
        for index, weight in enumerate(weights):
            at -= weight
            if at < 0:
                return index
        return self.brackets - 1

    def rungs(self, bracket: int) -> list[int]:
        """Return the steps at which trials of a bracket are compared; the last step of all is not among them."""
        steps = [self.low * self.eta**power for power in range(bracket, self.brackets)]
        return [step for step in steps if step < self.high]

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to stop the trial now; asked after each value it reports."""
        last = trial.last_step
        bracket = self.bracket(trial)
        if last is None or last not in self.rungs(bracket):
            return False
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        others = [
            each
            for each in _counting(study.get_trials(deepcopy=False))
            if each.number != trial.number and self.bracket(each) == bracket
        ]
        return not self._promoted(trial, others, self.rungs(bracket).index(last), bracket, sign)

    def continuations(self, study: Study) -> list[FrozenTrial]:
        """Return the complete trials that ended before `high` and deserve to be run on, the best first."""
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        counting = _counting(study.get_trials(deepcopy=False))
        done = [t for t in counting if t.state == TrialState.COMPLETE and t.intermediate_values]
        stopped = [t for t in done if (t.last_step or 0) < self.high]
        found = []
        for bracket in range(self.brackets):
            mine = [each for each in counting if self.bracket(each) == bracket]
            for index, rung in enumerate(self.rungs(bracket)):
                for trial in stopped:
                    if trial in mine and trial.last_step == rung:
                        others = [each for each in mine if each is not trial]
                        if self._promoted(trial, others, index, bracket, sign):
                            found.append(trial)
        return sorted(found, key=lambda each: sign * float(each.value or 0.0))

    def _promoted(
        self, trial: FrozenTrial, others: Sequence[FrozenTrial], index: int, bracket: int, sign: float
    ) -> bool:
        rungs = self.rungs(bracket)
        step = rungs[index]
        there = [each for each in others if step in each.intermediate_values]
        if self.variant == "discard":
            there = [each for each in there if all(self._stands(each, others, s, sign) for s in rungs[:index])]
        mine = sign * trial.intermediate_values[step]
        quota = max(1, (len(there) + 1) // self.eta)
        if self.variant == "efficient":
            ahead = [each for each in there if (each.last_step or 0) > step]
            there, quota = [each for each in there if each not in ahead], quota - len(ahead)
        better = sum(sign * each.intermediate_values[step] < mine for each in there)
        return better < quota

    def _stands(self, trial: FrozenTrial, others: Sequence[FrozenTrial], step: int, sign: float) -> bool:
        """Whether a trial is among the best at a lower rung, given all that was measured there since."""
        if step not in trial.intermediate_values:
            return False
        values = [sign * each.intermediate_values[step] for each in others if step in each.intermediate_values]
        better = sum(value < sign * trial.intermediate_values[step] for value in values)
        return better < max(1, len(values) // self.eta)


def _counting(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that were not run on as another one."""
    continued = {each.user_attrs[CONTINUES] for each in trials if CONTINUES in each.user_attrs}
    return [each for each in trials if each.number not in continued]


def build(setting: PruningSetting) -> IterativeDeepeningPruner:
    """Return the pruner."""
    return IterativeDeepeningPruner(setting.low, setting.high, setting.eta, setting.variant)
