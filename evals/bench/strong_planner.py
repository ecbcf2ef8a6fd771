"""What the product makes of a strong model: its recorded ideas on 16 tables against no planner, at four budgets.

One study a budget; the bar is on the ratio of mean regrets over tables and seeds. The curve of the longest study is
shown as a second line for each budget. Seeds and budgets can be cut in the environment: SEEDS=100-103 BUDGETS=10,50.
"""

from collections.abc import Iterator
from itertools import product
from statistics import fmean

from .comparison import Ratio
from .playing import Kind, Run, play_all, tables
from .seeds import chosen

BARS = {5: "strong-5", 10: "strong-10", 25: "strong-25", 50: "strong-50"}
SEEDS = range(20)
KINDS: tuple[Kind, ...] = ("none", "strong")
_WORSE, _SLACK, _AT = 1.2, 0.01, 25


def run() -> Iterator[Ratio]:
    """Run the studies of all budgets on all tables."""
    seeds, budgets = chosen(SEEDS, list(BARS))
    names = tables()
    wanted: list[Run] = [(n, k, s, b) for n, s, b in product(names, seeds, budgets) for k in KINDS]
    found = play_all(wanted)

    def regret(kind: Kind, budget: int, at: int, among: list[str]) -> float:
        return fmean(found[name, kind, seed, budget][at - 1] for name in among for seed in seeds)

    for budget in budgets:
        what = f"regret after {budget} trials with a strong planner's ideas, {len(names)} tables, {len(seeds)} seeds"
        ours, theirs = regret("strong", budget, budget, names), regret("none", budget, budget, names)
        yield _compared(what, ours, theirs, BARS[budget])
    longest = max(budgets)
    for at in [each for each in BARS if each < longest]:
        what = f"the same after {at} of {longest} trials"
        ours, theirs = regret("strong", longest, at, names), regret("none", longest, at, names)
        yield _compared(what, ours, theirs)
    if _AT in budgets:
        for name in names:
            ours, theirs = regret("strong", _AT, _AT, [name]), regret("none", _AT, _AT, [name])
            yield _compared(
                f"regret after {_AT} trials, {name}",
                ours,
                _WORSE * theirs + _SLACK,
                "strong-no-table-worse",
                "1.2x + .01 of",
            )


def _compared(what: str, ours: float, theirs: float, bar: str = "", of: str = "") -> Ratio:
    return Ratio(what, ours, f"{of} no planner".strip(), max(theirs, 1e-9), bar, unit="of median")
