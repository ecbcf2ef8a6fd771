"""The gate's promise: a bad planner costs little, a good one helps at once.

Regret after 50 trials with a planner that proposes at random, or always from the worst hundredth, against no planner;
and after 10 trials with one that knows the best hundredth. Each run is an ordinary session.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from statistics import fmean

from ...agent.memory.store import Store
from ...agent.planners.base import Context
from ...agent.planners.none import NoPlanner
from ...agent.run.session import Session
from ...agent.study.space import Configuration
from ...agent.trials.proposal import Proposal
from ...agent.trials.source import Source
from ..cell import curve, study_of
from ..suite import Arm, Cell
from ..tasks import expand, load_task
from ..tasks.task import SHIPPED
from .comparison import Comparison

SEEDS, TRIALS = range(10), 50


class Oracle:
    """Proposes random members of a list of configurations."""

    why, done = "knows the table, for comparison", False

    def __init__(self, name: str, pool: list[Configuration], seed: int) -> None:
        self.name, self.pool, self.rng = name, pool, random.Random(seed)

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return one of them."""
        del context, n
        return [Proposal(self.rng.choice(self.pool), Source("planner", self.name))]

    async def close(self) -> None:
        """Nothing to let go of."""


def run() -> Iterator[Comparison]:
    """Run all kinds of planner on the measured systems."""
    tasks = expand(["systems/*"], SHIPPED)
    kinds = ("none", "random", "worst", "best")
    cells = list(product(tasks, kinds, SEEDS))
    with ProcessPoolExecutor() as pool:
        found = dict(zip(cells, pool.map(run_cell, *zip(*cells, strict=True)), strict=True))

    def regret(kind: str, budget: int, among: list[str]) -> float:
        return fmean(each[budget - 1] for (task, k, _), each in found.items() if k == kind and task in among)

    for kind in ("random", "worst"):
        what = f"regret after {TRIALS} trials with {kind} proposals"
        yield Comparison(
            what, regret(kind, TRIALS, tasks), "no planner", regret("none", TRIALS, tasks), "gate-harm", "of median"
        )
    half = tasks[::2]
    what = "regret after 10 trials with a planner that knows the best region, half of the tables"
    yield Comparison(what, regret("best", 10, half), "no planner", regret("none", 10, half), "gate-help", "of median")


def run_cell(name: str, kind: str, seed: int) -> list[float]:
    """Return the regret after each trial of one run."""
    task = load_task(name)
    cell = Cell(name, kind, seed, Arm(), TRIALS)
    study = study_of(cell, task, {})
    rng = random.Random(f"{name} {seed}")
    drawn = sorted((study.space.sample(rng) for _ in range(2000)), key=_loss(name))
    pools = {"random": drawn, "worst": drawn[-20:], "best": drawn[:20]}
    planner = NoPlanner() if kind == "none" else Oracle(kind, pools[kind], seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'cell.db'}", power_safe=False)
        session = Session.start(study, store, planner)
        asyncio.run(_drain(session, name))
        found = curve(study, task, session.record.history.trials, strict=False)
        store.close()
    return found


def _loss(name: str):  # type: ignore[no-untyped-def]
    task = load_task(name)
    truth = task.truth
    assert truth is not None
    return lambda configuration: task.card.loss(truth(configuration))


async def _drain(session: Session, name: str) -> None:
    async for _event in session.run(load_task(name).executor()):
        pass
