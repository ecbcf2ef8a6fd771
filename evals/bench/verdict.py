"""How often the check says "improved" where nothing is: 10,000 A/A studies for each kind of noise and number of pairs.

Default and incumbent are drawn from one distribution, in the order in which the check measures them; four kinds of
noise: normal, heavy tails (Student's t with 1.5 degrees of freedom), drift (a random walk over the whole check), and
bimodal. And how often a true gain is found, against the power that `trimtab plan` states. The numbers are the same
each time: their standard error is .16 points.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...agent.statistics import gain_ratio, power
from ...agent.study.goals import Objective
from .comparison import Ratio

STUDIES, PAIRS = 10_000, (6, 10, 20)
GAIN, NOISE = 0.05, 0.03

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

KINDS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(0, NOISE, n),
    "heavy tails": lambda rng, n: NOISE * rng.standard_t(1.5, n),
    "drift": lambda rng, n: rng.normal(0, NOISE, n).cumsum() + rng.normal(0, NOISE / 4, n),
    "bimodal": lambda rng, n: rng.normal(0, 0.01, n) + 0.3 * (rng.random(n) < 0.3),
}
_METRIC = Objective(metric="seconds", direction="minimize")


def run() -> Iterator[Ratio]:
    """Run all studies."""
    for kind, draw in KINDS.items():
        for pairs in PAIRS:
            false = improved_share(draw, pairs, 1.0)
            what = f"false 'improved' in {STUDIES} A/A studies, {kind} noise, {pairs} pairs"
            yield Ratio(what, 100 * false, "the level promised", 2.5, "verdict-level", unit="%")
    found = improved_share(KINDS["normal"], 10, 1 + GAIN)
    stated = power(math.log1p(GAIN), NOISE * math.sqrt(2), 10)
    what = f"a true gain of {GAIN:.0%} under {NOISE:.0%} noise is not found with 10 pairs"
    yield Ratio(what, 100 * (1 - found), "as stated", 100 * (1 - stated), "verdict-missed", unit="%")
    yield Ratio("stated power against found", 100 * abs(found - stated), "one", 1.0, "verdict-power", unit="%")


def improved_share(draw: Draw, pairs: int, gain: float, studies: int = STUDIES) -> float:
    """Return in which share of studies the whole interval lies on the better side; `gain` is the true one."""
    rng = np.random.default_rng(20261126)
    flipped = np.arange(pairs) % 2 == 1  # who is measured first alternates, as in the check
    improved = 0
    for _ in range(studies):
        times = np.exp(draw(rng, 2 * pairs)).reshape(pairs, 2)
        default = np.where(flipped, times[:, 1], times[:, 0])
        incumbent = np.where(flipped, times[:, 0], times[:, 1]) / gain
        ratio = gain_ratio(_METRIC, default.tolist(), incumbent.tolist())
        improved += ratio is not None and ratio.low > 1
    return improved / studies
