"""The harness itself: a look-up in a table, and what a cell costs a trial.

The baselines: a dictionary with the same keys, and the same sampler asked and told with nothing around it.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...agent.memory.store import Store
from ...agent.study.sections import Study
from ...agent.study.space import key
from ..cell import Recordings, run_cell
from ..suite import Arm, Cell
from ..tasks import load_task
from .comparison import Ratio, interleaved_ms
from .proposals import proposals

TABLE = "systems/exastencils"
LOOK_UPS, TRIALS, CELLS = 20_000, 200, 5


def run() -> Iterator[Ratio]:
    """Measure both on the largest table, with random search."""
    task = load_task(TABLE)
    truth = task.truth
    assert truth is not None
    space, rng = Study.model_validate(task.sections).space, random.Random(0)
    configurations = [space.sample(rng) for _ in range(LOOK_UPS)]
    values = {key(each): truth(each) for each in configurations}

    def table() -> None:
        for each in configurations:
            truth(each)

    def dictionary() -> None:
        for each in configurations:
            values[key(each)]

    ours, bare = (ms * 1e3 / LOOK_UPS for ms in interleaved_ms([table, dictionary], runs=5))
    what = "a look-up in a table of 86,058 rows"
    yield Ratio(what, ours, "in a dictionary of configurations", bare, "look-up", unit="us")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'cells.db'}", power_safe=False)
        seeds = iter(range(1_000))

        def cell() -> None:
            asyncio.run(
                run_cell(Cell(TABLE, "random", next(seeds), Arm(sampler="random"), TRIALS), store, Recordings(), {})
            )

        def loop() -> None:
            for _ in proposals(task, "random", TRIALS, next(seeds)):
                pass

        ours, bare = (ms / TRIALS for ms in interleaved_ms([cell, loop], runs=CELLS))
        store.close()
    yield Ratio("a suite's cell, per trial", ours, "a bare ask/tell loop", bare, "cell")
