"""Plays planners of known quality on measured tables inside ordinary studies, for the bars of policy and gate.

`strong` are the recorded ideas of a strong model; `random` proposes anything, `worst` from the worst hundredth,
`misled` the recorded ideas of another table, mapped by position, the worst of each round first; `none` is no planner.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

from ...agent.memory.store import Store
from ...agent.optimizers.encoding import from_unit, to_unit
from ...agent.planners.base import Context, Planner
from ...agent.planners.none import NoPlanner
from ...agent.planners.recorded import Idea, RecordedPlanner, read_ideas
from ...agent.run.session import Session
from ...agent.study.sections import Study
from ...agent.study.space import Configuration, Space
from ...agent.trials.proposal import Proposal
from ...agent.trials.source import Source
from ..cell import curve, study_of
from ..ideas import ideas_of
from ..suite import Arm, Cell
from ..tasks import expand, load_task
from ..tasks.task import SHIPPED

Kind = Literal["none", "strong", "random", "worst", "misled"]
Run = tuple[str, Kind, int, int]
"""A table, a kind of planner, a seed and a budget in trials."""

_DRAWN, _WORST = 2000, 20


def tables() -> list[str]:
    """Return the tables that have recorded ideas."""
    named = expand(["systems/*", "systems_more/*", "health/*"], SHIPPED)
    return [name for name in named if ideas_of(name) is not None]


def play_all(runs: Sequence[Run], workers: int | None = None) -> dict[Run, list[float]]:
    """Return the regret of the incumbent after each trial of each run, the longest first."""
    ordered = sorted(set(runs), key=lambda run: -run[3])
    with ProcessPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        return dict(zip(ordered, pool.map(play, *zip(*ordered, strict=True), chunksize=2), strict=True))


def play(name: str, kind: Kind, seed: int, trials: int) -> list[float]:
    """Return the regret of the incumbent after each trial of one run."""
    task = load_task(name)
    study = study_of(Cell(name, kind, seed, Arm(), trials), task, {})
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'cell.db'}", power_safe=False)
        session = Session.start(study, store, _planner(name, kind, seed, study))
        asyncio.run(_drain(session, name))
        found = curve(study, task, session.record.history.trials, strict=False)
        store.close()
    return found


class Drawing:
    """Proposes members of a list of configurations, without end."""

    done = False

    def __init__(self, name: str, pool: Sequence[Configuration], seed: int) -> None:
        self.name, self.why, self.pool, self.rng = name, "for comparison", pool, random.Random(seed)

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return `n` of them."""
        del context
        return [Proposal(self.rng.choice(self.pool), Source("planner", self.name)) for _ in range(n)]

    async def close(self) -> None:
        """Nothing to let go of."""


def _planner(name: str, kind: Kind, seed: int, study: Study) -> Planner:
    if kind == "none":
        return NoPlanner()
    if kind == "strong":
        return RecordedPlanner(_rounds(name), "recorded ideas")
    if kind == "misled":
        return RecordedPlanner(_misled(name, seed, study.space), "recorded ideas of another table")
    rng = random.Random(f"{name} {seed}")
    pool = [study.space.sample(rng) for _ in range(_DRAWN)]
    if kind == "worst":
        loss = load_task(name).loss
        pool = sorted(pool, key=loss)[-_WORST:]
    return Drawing(kind, pool, seed)


@cache
def _rounds(name: str) -> list[list[Idea]]:
    path = ideas_of(name)
    assert path is not None
    return read_ideas(path).rounds


def _misled(name: str, seed: int, space: Space) -> list[list[Idea]]:
    """Return another table's ideas as ideas for this one: each parameter gets the place of its counterpart."""
    names = tables()
    other = names[(names.index(name) + 1 + seed % (len(names) - 1)) % len(names)]
    task = load_task(other)
    foreign = Study.model_validate(task.sections).space

    def moved(values: Configuration) -> Configuration:
        repaired = foreign.repair(values).configuration
        places = [to_unit(each, repaired[key]) for key, each in foreign.parameters.items()]
        given = zip(space.parameters.items(), islice(cycle(places), len(space.parameters)), strict=True)
        return {key: from_unit(each, at) for (key, each), at in given}

    def worst_first(ideas: Sequence[Idea]) -> Iterator[Idea]:
        ranked = sorted(ideas, key=lambda idea: -task.loss(foreign.repair(idea.values).configuration))
        return (Idea(values=moved(idea.values), rationale=idea.rationale) for idea in ranked)

    return [list(worst_first(ideas)) for ideas in _rounds(other)]


async def _drain(session: Session, name: str) -> None:
    async for _event in session.run(load_task(name).executor()):
        pass
