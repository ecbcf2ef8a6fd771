"""Time per suggestion of `auto` against Optuna's TPE, over the last 40 trials of 200; both behind the same loop.

TPE's time depends on how often it proposes what was tried and is asked again, so on the seed: hence several.
"""

from collections.abc import Iterator
from statistics import fmean

from ..tasks import load_task
from .comparison import Ratio
from .proposals import proposals

TABLES = ("systems/7z", "systems/dconvert", "systems/exastencils", "hpobench/car", "hpolib/protein_structure")
FUNCTION = "hartmann6"
"""On six real numbers TPE is so cheap that the ratio is only shown."""
SEEDS, TRIALS, TIMED = range(3), 200, 40


def run() -> Iterator[Ratio]:
    """Run both on tables and a function; the bar is for the mean over tables."""
    found = {name: (mean_ms(name, "auto"), mean_ms(name, "optuna-tpe")) for name in (*TABLES, FUNCTION)}
    what = f"a suggestion of auto at {TRIALS} trials"
    for name, (ours, theirs) in found.items():
        yield Ratio(f"{what}, {name}", ours, "TPE", theirs)
    ours, theirs = (fmean(found[name][which] for name in TABLES) for which in (0, 1))
    yield Ratio(f"{what}, all tables", ours, "TPE", theirs, "auto-suggestion")


def mean_ms(name: str, sampler: str) -> float:
    """Return the mean time of the last suggestions, milliseconds; fits that are due in between are part of it."""
    task = load_task(name)
    return fmean(ms for seed in SEEDS for _, ms in [*proposals(task, sampler, TRIALS, seed)][-TIMED:])
