"""The gate: who proposes the next trial, by record.

Arms are the planner, what is stored (catalogue and similar studies), and one or more samplers. The planner's opening
ideas come first, while they help. After that it has a share of the trials: half at first, then by the record of its
thoughts against the samplers' (see `thoughts`). Samplers that compete are several parallel arms, with credit by rank as
in the AUC bandit of OpenTuner (Ansel et al., PACT 2014). No scale of the objective matters; older credit is discounted.
"""

import bisect
import math
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median

from ...study.sections import Study
from ...trials.trial import Trial
from .thoughts import TOP_THIRD, Thoughts, number_of

PLANNER, STORED = "planner", "stored"
NO_IDEA = "the planner has no idea ready"
"""Why a sampler filled a slot that a planner at work might have had: a fallback."""
FIRST_STORED, STORED_SHARE = 8, 0.1
"""How many ideas of catalogue and memory are tried before anything but the planner's opening, which waits for no more
of them than this share of the budget; they cost nothing to make."""
START_SHARE, LEAST_SHARE, MOST_SHARE = 0.5, 0.1, 0.8

_WINDOW = 30
_OPTIMISM = 0.25
_SWING = 1.5
"""How far the share moves from its start when the planner's record and the samplers' are a whole credit apart."""


@dataclass(frozen=True)
class Decision:
    """Whose turn it is, why in a few words, and the arms' scores at that moment."""

    arm: str
    why: str
    scores: dict[str, float]


@dataclass
class _Record:
    """What a sampler achieved: discounted credit and weight."""

    credit: float = 0.0
    weight: float = 0.0

    @property
    def mean(self) -> float:
        return self.credit / self.weight if self.weight else 0.5


@dataclass
class Gate:
    """Decides for one study. Rebuilt on resume by telling it the stored trials in order."""

    study: Study
    samplers: Sequence[str]
    started_by: Counter[str] = field(default_factory=Counter)
    thoughts: Thoughts = field(init=False)
    _records: dict[str, _Record] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _costs: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _due: float = START_SHARE
    _last: str = ""
    _best: str = ""

    def __post_init__(self) -> None:
        """Start without a record."""
        self.thoughts = Thoughts(self.study.budget.trials)

    @property
    def share(self) -> float:
        """The planner's share of the trials now, by record and at most what the study allows."""
        ahead = self.thoughts.score - self.thoughts.against
        share = min(MOST_SHARE, max(LEAST_SHARE, START_SHARE + _SWING * ahead))
        return min(share, self._cap)

    @property
    def stored_first(self) -> float:
        """How many stored ideas come before the opening."""
        return max(1.0, STORED_SHARE * self.study.budget.trials)

    def choose(self, ready: Collection[str], thought: int = 0, *, thinking: bool = False) -> Decision:
        """Return whose turn it is; `ready` are the arms among planner and stored that have an idea.

        `thought` is the number of the one that the planner's next idea is from; `thinking` whether it may have ideas
        later.
        """
        policy = self.study.gate.policy
        scores = {arm: round(self._score(arm), 3) for arm in self.samplers}
        classical = max(self.samplers, key=lambda arm: scores[arm])
        if PLANNER in ready or self.thoughts.known:
            scores = {PLANNER: round(self.thoughts.score, 3), **scores}
        if policy == "optimizer":
            return Decision(classical, "the optimizer proposes all", scores)
        if not ready:
            why = (self._shut(thought) or NO_IDEA) if thinking else ""
            return Decision(classical, why or ("best record" if len(self.samplers) > 1 else ""), scores)
        opening = policy == "bandit" and PLANNER in ready and self.by_right(thought)
        if STORED in ready and self.started_by[STORED] < (self.stored_first if opening else FIRST_STORED):
            return Decision(STORED, "what is known comes first", scores)
        if policy == "planner":
            return Decision(next(iter(ready)), "the planner proposes whenever it has an idea", scores)
        if policy == "alternate":
            turn = next(iter(ready)) if self._last in self.samplers else classical
            return Decision(turn, "they take turns", scores)
        if PLANNER in ready:
            shut, by_right = self._shut(thought), self.by_right(thought)
            why = shut or ("the opening ideas are tried first" if by_right else f"its share is {self.share:.2f}")
            return Decision(classical if shut else PLANNER, why, scores)
        return Decision(classical, "enough of what is known was tried", scores)

    def wants(self, thought: int, ahead: int = 1) -> bool:
        """Whether an idea of the planner's n-th thought would be let through within so many trials."""
        policy = self.study.gate.policy
        if policy == "optimizer" or self._cap <= 0:
            return False
        if policy == "alternate":
            return ahead > 1 or self._last in self.samplers
        return policy != "bandit" or not self._shut(thought, ahead)

    def by_right(self, thought: int) -> bool:
        """Whether ideas of a thought come before any share: the opening's, unless the first of them were no use."""
        return thought == 0 and not self.thoughts.opening_cut

    def started(self, trial: Trial) -> None:
        """Count a trial that was started."""
        arm = trial.source.arm
        if arm != "default":
            self._last = arm
        if arm in self.samplers or (arm == PLANNER and not self.by_right(number_of(trial))):
            self._due = min(2.0, self._due + self.share) - (arm == PLANNER)
        self.started_by[arm] += 1
        if arm == PLANNER:
            self.thoughts.started(trial)

    def finished(self, trial: Trial, *, improved: bool) -> None:
        """Credit an arm with a trial's result; `improved` is whether it is the new incumbent."""
        arm, loss = trial.source.arm, self._loss(trial)
        rank, worth = self._rank(loss), self._worth(trial)
        credit = min(1.0, worth * (0.5 * rank + 0.5 * improved)) if trial.state == "complete" else 0.0
        if improved:
            self._best = arm
        if arm == PLANNER:
            useful = improved or rank >= TOP_THIRD
            self.thoughts.finished(trial, loss, useful=useful, worth=worth, total=self.started_by.total())
        elif arm in self.samplers:
            self.thoughts.sampled(loss, worth)
        else:
            self.thoughts.other(loss)
        record = self._records.setdefault(arm, _Record())
        discount = self.study.gate.discount
        record.credit = discount * record.credit + credit
        record.weight = discount * record.weight + 1.0

    def fruitless(self) -> None:
        """Count thinking that was paid for and gave nothing to try."""
        self.thoughts.disappointed(self.started_by.total())

    @property
    def _cap(self) -> float:
        share = self.study.planner.share
        return MOST_SHARE if share == "auto" else share

    def _shut(self, thought: int, ahead: int = 1) -> str:
        """Return why the planner may not propose within so many trials, '' when it may."""
        total, ours = self.started_by.total(), self.started_by[PLANNER]
        share = self.study.planner.share
        if share != "auto" and ours + 1 > max(1.0, share * self.study.budget.trials):
            return f"the planner had its share ({ours} of {total} trials)"
        resting = 0 if self._best == PLANNER else self.thoughts.rest_until - total
        if resting >= ahead:
            return f"the planner's ideas did not help: it rests for {resting} trials"
        if not self.by_right(thought) and self._due + ahead * self.share < 1.0:
            return f"the planner had its share ({ours} of {total} trials)"
        return ""

    def _loss(self, trial: Trial) -> float:
        return self.study.losses(trial.metrics)[0] if trial.state == "complete" else math.inf

    def _rank(self, loss: float) -> float:
        """Return the share of recent results that a result beats."""
        ranked = sorted(self._recent)
        rank = (len(ranked) - bisect.bisect_right(ranked, loss)) / len(ranked) if ranked else 0.5
        if math.isfinite(loss):
            self._recent.append(loss)
        return rank

    def _worth(self, trial: Trial) -> float:
        """Return what a result counts for its cost, 1 for a typical one or where none is known."""
        if self.study.cost is None or trial.state != "complete":
            return 1.0
        cost = trial.metrics[self.study.cost.metric]
        typical = median(self._costs) if self._costs else cost
        self._costs.append(cost)
        return min(2.0, max(0.5, typical / cost)) if cost > 0 and typical > 0 else 1.0

    def _score(self, arm: str) -> float:
        record = self._records.get(arm, _Record())
        bonus = math.sqrt(math.log(1 + self.started_by.total()) / (1 + self.started_by[arm]))
        return record.mean + _OPTIMISM * bonus
