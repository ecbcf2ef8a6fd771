"""The record of a planner's thoughts: what each gave by its best idea, against what the samplers gave meanwhile.

A thought is one question and its answer, usually several ideas; which one an idea belongs to is kept with its trial.
Its credit is how surprising its best result would be if its ideas were no better than the other results: one half on
average for as many trials of anybody, whatever their number, close to 1 for a new incumbent late in a study.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ...trials.trial import Trial

TOP_THIRD = 2 / 3
"""The share of recent results that an idea must beat to be useful."""

_ENOUGH, _OPENING_ENOUGH = 3, 2
"""Useless ideas in a row after which the planner rests; in the opening, after which the others lose their right."""
_REST = 0.2
"""A rest, as a share of the budget."""
_WINDOW = 30
_PRIOR, _FORGET = 0.5, 0.8


@dataclass
class Group:
    """Results that are judged together: those of a thought, or as many of a sampler's."""

    losses: list[float] = field(default_factory=list)
    credit: float = 0.0
    useful: bool = False
    _worth: float = 1.0

    def add(self, loss: float, others: Sequence[float], worth: float) -> None:
        """Take in a result, against the results of everybody else; `worth` is below 1 where it was dear."""
        self.losses.append(loss)
        best = min(self.losses)
        self._worth = worth if loss == best else self._worth
        self.credit = min(1.0, self._worth * surprise(best, len(self.losses), others))


@dataclass
class Thoughts:
    """Keeps the record of one study. Rebuilt on resume from the trials in order."""

    budget: int
    rest_until: int = 0
    """Number of trials at which the planner is asked again."""
    _thoughts: dict[int, Group] = field(default_factory=dict)
    _blocks: list[Group] = field(default_factory=list)
    _results: deque[tuple[Group | None, float]] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _useless: int = 0
    _rested: bool = False

    @property
    def known(self) -> bool:
        """Whether any thought has a result."""
        return any(each.losses for each in self._thoughts.values())

    @property
    def latest(self) -> int:
        """Number of the latest thought that has a trial; -1 before the first."""
        return max(self._thoughts, default=-1)

    @property
    def opening_cut(self) -> bool:
        """Whether the first ideas of the opening were no use, so that the others lose their right."""
        opening = self._thoughts.get(0)
        return opening is not None and len(opening.losses) >= _OPENING_ENOUGH and not opening.useful

    @property
    def score(self) -> float:
        """What a thought gives: the discounted mean of their credits, 0 to 1."""
        return _mean([each for _number, each in sorted(self._thoughts.items())])

    @property
    def against(self) -> float:
        """What as many trials of a sampler give."""
        return _mean(self._blocks)

    def measured(self, number: int) -> int:
        """Return how many ideas of a thought have a result."""
        thought = self._thoughts.get(number)
        return len(thought.losses) if thought is not None else 0

    def started(self, trial: Trial) -> None:
        """Count an idea that is being evaluated."""
        self._thoughts.setdefault(number_of(trial), Group())

    def finished(self, trial: Trial, loss: float, *, useful: bool, worth: float, total: int) -> None:
        """Take in an idea's result; `total` is the number of trials so far."""
        thought = self._thoughts.setdefault(number_of(trial), Group())
        self._add(thought, loss, worth)
        if useful:
            thought.useful, self._useless, self._rested = True, 0, False
        elif not thought.useful:
            self._useless += 1
            cut = self.latest == 0 and self.opening_cut
            if cut or self._rested or self._useless >= _ENOUGH:
                self.disappointed(total)

    def sampled(self, loss: float, worth: float) -> None:
        """Take in the result of a sampler's trial."""
        if not self._blocks or len(self._blocks[-1].losses) >= _ENOUGH:
            self._blocks.append(Group())
        self._add(self._blocks[-1], loss, worth)

    def other(self, loss: float) -> None:
        """Take in the result of anybody else's trial."""
        self._results.append((None, loss))

    def disappointed(self, total: int) -> None:
        """Let the planner rest; until an idea helps again, each that does not is followed by another rest."""
        self._useless, self._rested = 0, True
        self.rest_until = total + max(1, int(_REST * self.budget))

    def _add(self, group: Group, loss: float, worth: float) -> None:
        group.add(loss, [each for whose, each in self._results if whose is not group], worth)
        self._results.append((group, loss))


def surprise(best: float, size: int, others: Sequence[float]) -> float:
    """Return the chance that the best of `size` results drawn from all would be worse than `best`, ties by half."""
    better = sum(each < best for each in others)
    chances = _leading(len(others), size)
    reached, passed = next(islice(chances, better, None)), next(chances, 0.0)
    return 0.5 * (reached + passed)


def _leading(others: int, size: int) -> Iterator[float]:
    """Yield the chance that the first 0, 1, 2, ... of all results in order are all from `others`."""
    chance = 1.0
    for rank in range(others + 1):
        yield chance
        chance *= (others - rank) / (others + size - rank)


def number_of(trial: Trial) -> int:
    """Return the number of the thought that a trial's idea is from; trials of older studies count as the first."""
    return int(trial.gate.get("thought", 0))


def _mean(groups: Sequence[Group]) -> float:
    """Return the mean credit: older ones count less, and so do groups of fewer results than it takes to judge one."""
    total, weight = _PRIOR, 1.0
    for each in groups:
        part = min(1.0, len(each.losses) / _ENOUGH)
        total, weight = _FORGET**part * total + part * each.credit, _FORGET**part * weight + part
    return total / weight
