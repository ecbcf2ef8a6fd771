"""Time per suggestion of `auto` against Optuna's TPE, over the last 40 trials of 200; both behind the same loop."""

import math
from collections.abc import Iterator
from statistics import fmean

from ..tasks import load_task
from .comparison import Comparison
from .proposals import proposals

BARS = {
    "systems/7z": 2.0,
    "systems/dconvert": 2.0,
    "hpobench/car": 2.0,
    "hpolib/protein_structure": 2.0,
    "hartmann6": math.inf,
}
"""On six real numbers alone TPE is so cheap that the ratio is only shown."""
TRIALS, TIMED = 200, 40


def run() -> Iterator[Comparison]:
    """Run both on tables and a function."""
    for name, bar in BARS.items():
        ours, theirs = (mean_ms(name, sampler) for sampler in ("auto", "optuna-tpe"))
        yield Comparison(f"a suggestion of auto at {TRIALS} trials, {name}", ours, "TPE", theirs, bar)


def mean_ms(name: str, sampler: str) -> float:
    """Return the mean time of the last suggestions, milliseconds; fits that are due in between are part of it."""
    return fmean([ms for _configuration, ms in proposals(load_task(name), sampler, TRIALS, seed=0)][-TIMED:])
