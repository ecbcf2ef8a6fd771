"""Loading and reporting the results of 3,000 cells, against reading their JSON and averaging every curve."""

import json
import random
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..cell import CellOutcome
from ..report import write_report
from ..report.summary import summary_lines
from ..results import Results, load_results
from .comparison import Ratio, interleaved_ms

ARMS, TASKS, SEEDS, TRIALS = 10, 30, 10, 50


def run() -> Iterator[Ratio]:
    """Time both in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic().write(folder / "results.json")

        def ours() -> None:
            results = load_results(folder)
            write_report(results, folder)
            summary_lines(results)

        def bare() -> None:
            cells = json.loads((folder / "results.json").read_text())["cells"]
            np.array([cell["curve"] for cell in cells]).mean(axis=0)

        taken, least = interleaved_ms([ours, bare], runs=5)
    what = f"results of {ARMS * TASKS * SEEDS:,} cells, loaded and reported"
    yield Ratio(what, taken / 1e3, "json and NumPy alone", least / 1e3, "results", unit="s")


def synthetic() -> Results:
    """Return results of a suite that nobody ran."""
    rng = random.Random(0)
    arms = [f"arm-{index}" for index in range(ARMS)]
    cells = [
        CellOutcome(task=f"task-{task}", arm=arm, seed=seed, study="none", curve=_curve(rng), seconds=1.0)
        for arm, task, seed in product(arms, range(TASKS), range(SEEDS))
    ]
    suite: dict[str, Any] = {"name": "synthetic", "description": "", "arms": {arm: {} for arm in arms}}
    suite |= {"budgets": [10, 25], "trials": TRIALS, "reference": arms[0]}
    return Results(suite=suite, cells=cells)


def _curve(rng: random.Random) -> list[float]:
    return sorted((rng.random() for _ in range(TRIALS)), reverse=True)
