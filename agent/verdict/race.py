"""Who is checked: the best few of the search, raced against the default in interleaved pairs on seeds of their own.

The best of many noisy measurements is partly the luckiest one, so the search's order of the best is not believed. Who
has been told from the leader leaves; who stays and has the largest lower bound of its gain is checked, so that of equal
ones the steadier wins. After racing (Maron & Moore, NIPS 1994; F-Race, Birattari et al., GECCO 2002), with paired
differences. The check's own seeds are not touched: who is chosen by measurements cannot be judged by them.
"""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from statistics import fmean, median

from ...tools.targets import Measurement
from ..events import RaceResult
from ..statistics import MIN_PAIRS, lower_bound
from ..study.sections import Study
from ..study.space import Configuration
from ..trials.history import History
from ..trials.trial import Trial
from .bounds import LEAST_ROUNDS
from .check import Measure

Forecast = Callable[[Sequence[Configuration]], Sequence[tuple[float, float, float]] | None]
"""What the optimizer's surrogate expects of configurations, as loss (expected, low, high)."""
_POOL = 10
"""Of so many best measured trials the best by posterior are raced."""
_LEAVES = 0.95
"""Who is worse than the leader by a one-sided test of this level leaves."""
_LEVEL = 0.9
_SEEDS_FROM = 20_001


@dataclass
class Race:
    """The runners, the first one the incumbent of the search, and what they and the default measured by round."""

    study: Study
    runners: list[Trial]
    default: list[Measurement] = field(default_factory=list)
    measured: dict[int, list[Measurement]] = field(default_factory=dict)
    running: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.measured = {each.number: [] for each in self.runners}
        self.running = list(self.measured)

    @property
    def decided(self) -> bool:
        """Whether one runner is left."""
        return len(self.running) < 2

    @property
    def winner(self) -> Trial:
        """The runner to check: fewest failures and broken constraints, then the largest lower bound of its gain."""
        return min((each for each in self.runners if each.number in self.running), key=self._place)

    def results(self) -> list[RaceResult]:
        """Return how each runner did, the winner first."""
        first = self.winner
        found = []
        for each in sorted(self.runners, key=lambda one: (one is not first, *self._place(one))):
            measured = self.measured[each.number]
            gains = self._apart(self.default, measured)
            relative = self._relative(self.default, measured)
            ratio = math.exp(fmean(gains)) if gains and relative else None
            failed = sum(one.state != "complete" for one in measured)
            stayed = each.number in self.running
            found.append(RaceResult(trial=each.number, rounds=len(measured), ratio=ratio, failed=failed, stayed=stayed))
        return found

    def leave(self) -> None:
        """Let those leave that were told from the leader."""
        leader = self.winner
        for number in list(self.running):
            if number == leader.number:
                continue
            behind = self._behind(number, leader.number)
            if self._void(number) > self._void(leader.number) or lower_bound(behind, _LEAVES) > 0:
                self.running.remove(number)
            elif len(behind) >= LEAST_ROUNDS and not any(behind):  # equal in every round: they cannot be told apart
                self.running.remove(max(number, leader.number, key=[each.number for each in self.runners].index))

    def _place(self, trial: Trial) -> tuple[int, float, int]:
        gains = self._apart(self.default, self.measured[trial.number])
        bound = lower_bound(gains, _LEVEL)
        if math.isinf(bound):  # one pair or none: nothing is known of its spread
            bound = fmean(gains) if gains else -math.inf
        return self._void(trial.number), -bound, self.runners.index(trial)

    def _void(self, number: int) -> int:
        """Return how often a runner failed, and on how many constraints its middle result lies outside."""
        found = self.measured[number]
        values = {
            each: [one.metrics[each.metric] for one in found if one.state == "complete"]
            for each in self.study.constraints
        }
        broken = sum(bool(some) and each.violation(median(some)) > 0 for each, some in values.items())
        return broken + sum(each.state != "complete" for each in found)

    def _behind(self, number: int, leader: int) -> list[float]:
        return self._apart(self.measured[number], self.measured[leader])

    def _apart(self, worse: Sequence[Measurement], better: Sequence[Measurement]) -> list[float]:
        """Return by how much one side is better, pair by pair: log ratios of losses of one sign, else differences."""
        pairs = self._pairs(worse, better)
        if all(a > 0 < b for a, b in pairs):
            return [math.log(a / b) for a, b in pairs]
        if all(a < 0 > b for a, b in pairs):
            return [math.log(b / a) for a, b in pairs]
        return [a - b for a, b in pairs]

    def _relative(self, worse: Sequence[Measurement], better: Sequence[Measurement]) -> bool:
        return len({math.copysign(1, each) if each else 0 for pair in self._pairs(worse, better) for each in pair}) == 1

    def _pairs(self, worse: Sequence[Measurement], better: Sequence[Measurement]) -> list[tuple[float, float]]:
        return [
            (self.study.losses(a.metrics)[0], self.study.losses(b.metrics)[0])
            for a, b in zip(worse, better, strict=False)
            if a.state == b.state == "complete"
        ]


def runners(study: Study, history: History, forecast: Forecast) -> list[Trial]:
    """Return who is raced: the incumbent and the best others by posterior, all better than the default as measured.

    The posterior is the surrogate's, which knows a trial's own result and its neighbours'; where there is none, results
    are taken as they are. With several objectives there is no order to race for, and a check of few pairs proves
    nothing: then only the incumbent is returned.
    """
    incumbent, default = history.incumbent, history.default
    if incumbent is None or incumbent is default:
        return []
    if not most_sides(study):
        return [incumbent]
    bound = history.losses(default)[0] if default is not None and default.state == "complete" else math.inf
    others = [
        trial
        for trial in history.trials
        if trial.state == "complete"
        and trial not in (incumbent, default)
        and (trial.fidelity, trial.candidate.patch) == (incumbent.fidelity, incumbent.candidate.patch)
        and trial.candidate.key != incumbent.candidate.key
        and study.space.violated(trial.configuration) is None
        and history.losses(trial)[0] < bound
    ]
    pool = list({each.candidate.key: each for each in sorted(others, key=history.losses, reverse=True)}.values())
    pool = pool[::-1][:_POOL]
    expected = forecast([each.configuration for each in pool]) if pool else None
    if expected is not None:
        order = sorted(range(len(pool)), key=lambda index: (expected[index][0], history.losses(pool[index])))
        pool = [pool[index] for index in order]
    return [incumbent, *pool[: study.check.race - 1]]


def most_sides(study: Study) -> int:
    """Return how many are measured in each round of a race at most, the default included; 0 without a race."""
    races = study.check.race > 1 and study.goals == 1 and len(study.evaluation.check_seeds) >= MIN_PAIRS
    return study.check.race + 1 if races else 0


async def measure_race(
    study: Study, default: Trial, racing: Sequence[Trial], rounds: int, measure: Measure
) -> AsyncIterator[tuple[int, int, Race]]:
    """Yield (evaluations done, total at most, race) after each evaluation; it ends when one runner is left."""
    race, done = Race(study, list(racing)), 0
    for position, seed in enumerate(race_seeds(study, rounds)):
        sides = [default, *(each for each in racing if each.number in race.running)]
        turn = position % len(sides)
        for trial in (*sides[turn:], *sides[:turn]):  # each side is first equally often, so that drift favours none
            found = await measure("race", trial.number, position, seed, trial.candidate)
            (race.default if trial is default else race.measured[trial.number]).append(found)
            done += 1
            yield done, done + (rounds - position) * len(sides), race
        if position + 1 >= LEAST_ROUNDS:
            race.leave()
        if race.decided:
            break
    yield done, done, race


def race_seeds(study: Study, rounds: int) -> list[int]:
    """Return seeds that neither the search nor the check uses."""
    used = {*study.evaluation.check_seeds, *study.evaluation.tuning_seeds}
    return list(islice((seed for seed in count(_SEEDS_FROM) if seed not in used), rounds))
