"""The gate: who proposes the next trial, by record.

Arms are the planner, what is stored (catalogue and similar studies), and one or more samplers. A short schedule gives
knowledge its chance first; then a bandit decides by realised improvement. Credit is rank-based, as in the AUC bandit
of OpenTuner (Ansel et al., PACT 2014), so that no scale of the objective matters; older credit is discounted. Samplers
that compete are several parallel arms, after ParBaLS. A floor is kept for the samplers: published comparisons find
that giving a model more than about 30 % of the trials hurts (arXiv 2603.24647).
"""

import bisect
import math
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median

from ..study.sections import Study
from ..trials.trial import Trial

PLANNER, STORED = "planner", "stored"
FIRST_IDEAS = 3
"""How many ideas of a model are tried at the start, before its share of the trials limits it."""
NO_IDEA = "the planner has no idea ready"
"""Why a sampler filled a slot that a planner at work might have had: a fallback."""
FIRST_STORED = 8
"""How many ideas of catalogue and memory are tried before the bandit has a say in them; they cost nothing to make."""

_WINDOW = 30
_USEFUL = 0.9
_OPTIMISM = 0.25
_REST = 20
"""Trials that an arm rests after useless ideas, doubled each time: measured so that a planner that only proposes bad
configurations costs three trials of fifty."""


@dataclass(frozen=True)
class Decision:
    """Whose turn it is, why in a few words, and the arms' scores at that moment."""

    arm: str
    why: str
    scores: dict[str, float]


@dataclass
class _Record:
    """What an arm achieved: discounted credit and weight, useless results in a row, and until when it rests."""

    credit: float = 0.0
    weight: float = 0.0
    useless: int = 0
    rests: int = 0
    rest_until: int = 0

    @property
    def mean(self) -> float:
        return self.credit / self.weight if self.weight else 0.5


@dataclass
class Gate:
    """Decides for one study. Rebuilt on resume by telling it the stored trials in order."""

    study: Study
    samplers: Sequence[str]
    started_by: Counter[str] = field(default_factory=Counter)
    _records: dict[str, _Record] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _costs: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _last: str = ""

    def choose(self, ready: Collection[str], *, thinking: bool = False) -> Decision:
        """Return whose turn it is; `ready` are the arms among planner and stored that have an idea.

        `thinking` is whether the planner may still have ideas later.
        """
        policy, total = self.study.gate.policy, self.started_by.total()
        known = [*ready, *(each for each in (PLANNER, STORED) if each in self._records and each not in ready)]
        scores = {arm: round(self._score(arm), 3) for arm in [*known, *self.samplers]}
        classical = max(self.samplers, key=lambda arm: scores[arm])
        if policy == "optimizer":
            return Decision(classical, "the optimizer proposes all", scores)
        if not ready:
            why = (self._shut(PLANNER, total) or NO_IDEA) if thinking else ""
            return Decision(classical, why or ("best record" if len(self.samplers) > 1 else ""), scores)
        if STORED in ready and (policy != "bandit" or self.started_by[STORED] < FIRST_STORED):
            return Decision(STORED, "what is known comes first", scores)
        if policy == "planner":
            return Decision(next(iter(ready)), "the planner proposes whenever it has an idea", scores)
        if policy == "alternate":
            turn = next(iter(ready)) if self._last in self.samplers else classical
            return Decision(turn, "they take turns", scores)
        arm = max(ready, key=lambda each: scores[each])
        shut = self._shut(arm, total)
        if shut:
            return Decision(classical, shut, scores)
        if self.started_by[arm] < FIRST_IDEAS:
            return Decision(arm, f"the first {FIRST_IDEAS} ideas are tried", scores)
        if scores[arm] >= scores[classical]:
            return Decision(arm, f"better record: {scores[arm]:.2f} against {scores[classical]:.2f}", scores)
        return Decision(classical, f"better record: {scores[classical]:.2f} against {scores[arm]:.2f}", scores)

    def wants(self, arm: str) -> bool:
        """Whether an idea of planner or stored would be let through soon, so that thinking about one is worth it."""
        policy, total = self.study.gate.policy, self.started_by.total()
        if policy == "optimizer" or self.study.planner.share <= 0:
            return False
        return policy != "bandit" or not self._shut(arm, total)

    def started(self, trial: Trial) -> None:
        """Count a trial that was started."""
        if trial.source.kind != "default":
            self._last = trial.source.arm
        self.started_by[trial.source.arm] += 1

    def finished(self, trial: Trial, *, improved: bool) -> None:
        """Credit an arm with a trial's result; `improved` is whether it is the new incumbent."""
        arm, credit = trial.source.arm, self._credit(trial, improved=improved)
        record = self._records.setdefault(arm, _Record())
        discount = self.study.gate.discount
        record.credit = discount * record.credit + credit
        record.weight = discount * record.weight + 1.0
        if improved or credit >= _USEFUL / 2:
            record.useless = record.rests = 0
        else:
            self._disappointed(record)

    def fruitless(self, arm: str) -> None:
        """Count thinking that was paid for and gave nothing to try."""
        self._disappointed(self._records.setdefault(arm, _Record()))

    def _disappointed(self, record: _Record) -> None:
        record.useless += 1
        if record.useless >= self.study.gate.patience:
            record.rest_until = self.started_by.total() + _REST * 2**record.rests
            record.rests, record.useless = record.rests + 1, self.study.gate.patience - 1

    def _shut(self, arm: str, total: int) -> str:
        """Return why an arm may not propose now, '' when it may."""
        limit = max(FIRST_IDEAS, self.study.planner.share * (total + 1))
        if arm == PLANNER and self.started_by[arm] + 1 > limit:
            return f"the {arm} had its share ({self.started_by[arm]} of {total} trials)"
        record = self._records.get(arm)
        if record is not None and total < record.rest_until:
            return f"the {arm}'s ideas did not help: it rests for {record.rest_until - total} trials"
        return ""

    def _credit(self, trial: Trial, *, improved: bool) -> float:
        """Return half for rank among the recent results and half for a new incumbent, per cost where one is known."""
        if trial.state != "complete":
            return 0.0
        loss = self.study.losses(trial.metrics)[0]
        ranked = sorted(self._recent)
        behind = len(ranked) - bisect.bisect_right(ranked, loss)
        credit = 0.5 * (behind / len(ranked) if ranked else 0.5) + 0.5 * improved
        self._recent.append(loss)
        if self.study.cost is not None:
            cost = trial.metrics[self.study.cost.metric]
            typical = median(self._costs) if self._costs else cost
            self._costs.append(cost)
            if cost > 0 and typical > 0:
                credit *= min(2.0, max(0.5, typical / cost))
        return min(1.0, credit)

    def _score(self, arm: str) -> float:
        record = self._records.get(arm, _Record())
        bonus = math.sqrt(math.log(1 + self.started_by.total()) / (1 + self.started_by[arm]))
        return record.mean + _OPTIMISM * bonus
