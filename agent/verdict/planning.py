"""Before a study is spent: what its budget can prove, and what each phase will cost. Measures nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median, stdev

from ..statistics import MIN_PAIRS, smallest_effect, trend
from ..study.sections import Study
from .bounds import Allowance, most_ablation
from .minimal import most_evaluations
from .race import most_sides

_DRIFTS, _TAILS = 0.01, 3.5
_SIMULATED = 20
_HOPELESS = 0.5
"""A smallest effect beyond which a study is called hopeless: few systems have half their metric to win."""


@dataclass(frozen=True)
class Noise:
    """What pairs of equal measurements, of the default against itself, say of the noise.

    `spread` is the deviation of one pair's log ratio, or difference where values are not positive; `relative` tells
    which. `drifts` and `tails` are whether the values follow the time, and have outliers beyond normal noise.
    """

    pairs: int
    spread: float
    relative: bool
    drifts: bool
    tails: bool
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The cost of each phase, in evaluations and seconds, and the smallest gain that the check proves four times in
    five, as a share (0.05: five per cent) or a difference. `pairs_for` are the pairs that gains of 2, 5, 10 % need.
    `cut` says what is left out because it is long beside the search.
    """

    evaluations: dict[str, int]
    seconds: dict[str, float]
    smallest: float | None
    relative: bool
    pairs_for: dict[float, int | None]
    hopeless: bool
    cut: tuple[str, ...] = ()


def noise_of(values: Sequence[tuple[float, float]], seconds: Sequence[float]) -> Noise:
    """Return the noise in pairs of the first objective, in the order in which they were measured; at least two."""
    relative = all(a > 0 and b > 0 for a, b in values)
    apart = [math.log(b / a) if relative else b - a for a, b in values]
    everything = [each for pair in values for each in pair]
    middle = median(everything)
    typical = 1.4826 * median(abs(each - middle) for each in everything)
    tails = typical > 0 and any(abs(each - middle) > _TAILS * typical for each in everything)
    return Noise(len(values), stdev(apart), relative, trend(everything) < _DRIFTS, tails, median(seconds))


def plan(study: Study, noise: Noise | None, seconds: float | None = None) -> Plan:
    """Return what a study will cost and can prove; `seconds` is the time of an evaluation where no noise is known."""
    evaluation, changes = study.evaluation, len(study.parameters)
    search = study.budget.trials * evaluation.repeats
    one = noise.seconds if noise is not None else seconds
    searched = None if one is None else min(one * search / evaluation.workers, study.budget.wall_time_s or math.inf)
    allowance, each = Allowance(study, searched), one or 0.0
    pairs = allowance.pairs(2 * each)
    sides = most_sides(study)
    rounds = allowance.rounds(sides, each) if sides else 0
    repeats = allowance.repeats(changes, each) if study.check.ablation else 0
    evaluations = {
        "search": search,
        "race": rounds * sides,
        "check": 2 * pairs,
        "ablation": most_ablation(changes, repeats),
        "minimal": most_evaluations(study, one),
    }
    times = {} if one is None or searched is None else {
        name: searched if name == "search" else one * count for name, count in evaluations.items()
    }  # fmt: skip
    smallest = None
    pairs_for: dict[float, int | None] = {}
    if noise is not None:
        found = noise.spread * _per_spread(pairs)
        smallest = (math.exp(found) - 1 if noise.relative else found) if math.isfinite(found) else None
        pairs_for = {gain: _pairs_for(gain, noise) for gain in (0.02, 0.05, 0.1)} if noise.relative else {}
    too_noisy = noise is not None and noise.relative and (smallest is None or smallest > _HOPELESS)
    hopeless = pairs < MIN_PAIRS or too_noisy
    return Plan(
        evaluations, times, smallest, noise is None or noise.relative, pairs_for, hopeless, tuple(allowance.cut)
    )


def _pairs_for(gain: float, noise: Noise) -> int | None:
    """Return how many pairs prove a gain four times in five; None where hundreds do not."""
    numbers = (6, 7, 8, 10, 12, 15, 20, 30, 50, 100, 200)
    return next((pairs for pairs in numbers if noise.spread * _per_spread(pairs) <= math.log1p(gain)), None)


@cache
def _per_spread(pairs: int) -> float:
    """Return the smallest effect for a spread of one: simulated for few pairs, else by the normal limit.

    There the signed-rank test needs 1 / .955 of the pairs of Student's (Hodges & Lehmann 1956); 2.802 is the sum of the
    normal quantiles of 97.5 and 80 %.
    """
    return smallest_effect(1.0, pairs) if pairs <= _SIMULATED else 2.802 / math.sqrt(0.955 * pairs)
