"""What a bad planner costs: geometric mean of (regret + .002) against no planner, over tables and seeds.

Bad in three ways: it proposes at random, always from the worst hundredth, or is misled. The 95 % interval is a
bootstrap over seeds; its upper end has a bar of its own. Seeds can be cut in the environment: SEEDS=100-103.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from .comparison import Ratio
from .playing import Kind, Run, play_all, tables
from .seeds import chosen

SEEDS = range(50)
BARS = {25: ("harm-25", "harm-25-upper"), 50: ("harm-50", "harm-50-upper")}
KINDS: tuple[Kind, ...] = ("random", "worst", "misled")
_FLOOR, _RESAMPLES = 0.002, 2000


def run() -> Iterator[Ratio]:
    """Run all kinds on all tables, one study a budget."""
    seeds, budgets = chosen(SEEDS, list(BARS))
    names = tables()
    wanted: list[Run] = [(n, k, s, b) for n, k, s, b in product(names, ("none", *KINDS), seeds, budgets)]
    found = play_all(wanted)
    for kind, budget in product(KINDS, budgets):
        logs = np.array(
            [
                [
                    np.log(found[name, kind, seed, budget][-1] + _FLOOR)
                    - np.log(found[name, "none", seed, budget][-1] + _FLOOR)
                    for name in names
                ]
                for seed in seeds
            ]
        ).mean(axis=1)
        draws = logs[np.random.default_rng(0).integers(0, len(logs), (_RESAMPLES, len(logs)))].mean(axis=1)
        mean, high = float(np.exp(logs.mean())), float(np.exp(np.quantile(draws, 0.975)))
        what = f"harm of a planner, {kind}, after {budget} trials, {len(seeds)} seeds"
        yield Ratio(what, mean, "no planner", 1.0, BARS[budget][0], unit="x")
        yield Ratio(f"{what}: upper end", high, "no planner", 1.0, BARS[budget][1], unit="x")
