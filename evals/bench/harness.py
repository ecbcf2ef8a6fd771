"""The harness itself: look-ups a second, and what a cell costs a trial beyond its planner and sampler."""

import asyncio
import random
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from statistics import median

from ...agent.memory.store import Store
from ...agent.optimizers.mirror import Optimizer
from ...agent.study.sections import Study
from ...agent.study.space import Configuration
from ..cell import Tapes, run_cell
from ..suite import Arm, Cell
from ..tasks import load_task
from .comparison import Comparison

LOOK_UPS, TRIALS, CELLS = 20_000, 200, 5


def run() -> Iterator[Comparison]:
    """Measure both on the largest table, with random search; what the sampler itself takes is left out."""
    task = load_task("systems/exastencils")
    space, rng = Study.model_validate(task.sections).space, random.Random(0)
    configurations = [space.sample(rng) for _ in range(LOOK_UPS)]
    assert task.truth is not None
    began = time.perf_counter()
    for configuration in configurations:
        task.truth(configuration)
    taken = (time.perf_counter() - began) / LOOK_UPS
    yield Comparison("a look-up in a table of 86,058 rows", taken * 1e6, "20,000 a second", 50.0, 1.0, unit="us")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'cells.db'}", power_safe=False)
        per_trial, proposing = [], 0.0
        propose = Optimizer.propose

        def timed(self: Optimizer, seen: Collection[str], arm: str | None = None) -> Configuration:
            nonlocal proposing
            started = time.perf_counter()
            found = propose(self, seen, arm)
            proposing += time.perf_counter() - started
            return found

        Optimizer.propose = timed  # type: ignore[method-assign]
        for seed in range(CELLS):
            cell = Cell("systems/exastencils", "random", seed, Arm(sampler="random"), TRIALS)
            began, proposing = time.perf_counter(), 0.0
            asyncio.run(run_cell(cell, store, Tapes(), {}))
            per_trial.append((time.perf_counter() - began - proposing) / TRIALS)
        Optimizer.propose = propose  # type: ignore[method-assign]
        store.close()
    yield Comparison("a suite's cell beyond its sampler, per trial", median(per_trial) * 1e3, "a budget of", 2.0, 1.0)
