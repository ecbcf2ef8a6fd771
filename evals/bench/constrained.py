"""Search under constraints: `auto` against Optuna's samplers on tasks whose best point lies on a border."""

import math
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from itertools import product
from statistics import fmean

from ...agent.optimizers.mirror import Optimizer
from ...agent.study.sections import Study
from ...agent.study.space import key
from ...agent.trials.candidate import Candidate
from ...agent.trials.history import violations
from ...agent.trials.source import Source
from ...agent.trials.trial import Trial
from .comparison import Ratio
from .constrained_tasks import TASKS, ConstrainedTask

TRIALS, SEEDS = 40, range(10)


def run() -> Iterator[Ratio]:
    """Run all on all tasks and seeds; the default configuration comes first for everybody."""
    rivals = ["optuna-tpe", *(["optuna-gp"] if find_spec("torch") else [])]
    cells = list(product(range(len(TASKS)), ("auto", *rivals), SEEDS))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(cells, pool.map(cell, *zip(*cells, strict=True)), strict=True))
    for rival, (index, what) in product(
        rivals, enumerate(("share of infeasible trials", "regret of the best feasible"))
    ):
        for task, name in [*((i, each.name) for i, each in enumerate(TASKS)), (-1, "all tasks")]:
            mine, theirs = (
                fmean(each[index] for (t, arm, _), each in found.items() if arm == wanted and task in {t, -1})
                for wanted in ("auto", rival)
            )
            bar = "constrained" if task == -1 else ""
            yield Ratio(f"{what}, {name}", mine, rival, max(theirs, 1e-9), bar, unit="")


def cell(task: int, sampler: str, seed: int) -> tuple[float, float]:
    """Return a run's share of infeasible trials, and its regret: 0 is the best known, 1 a typical feasible point."""
    chosen = TASKS[task]
    seen, infeasible, best = set[str](), 0, math.inf
    study = _study(chosen, sampler, seed)
    optimizer = Optimizer(study)
    for number in range(TRIALS):
        configuration = study.space.default if number == 0 else optimizer.propose(seen)
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        trial = Trial(number, Source.of("default" if number == 0 else sampler), Candidate(configuration))
        trial.metrics = chosen.measure(configuration)
        broken = any(over > 0 for over in violations(study, trial.metrics).values())
        trial.state = "infeasible" if broken else "complete"
        infeasible += broken
        best = best if broken else min(best, trial.metrics["loss"])
        optimizer.finished(trial)
    return infeasible / TRIALS, min(1.0, (best - chosen.best) / (chosen.usual - chosen.best))


def _study(task: ConstrainedTask, sampler: str, seed: int) -> Study:
    sections = {
        "study": {"name": task.name},
        "parameters": task.parameters,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "constraints": task.constraints,
        "evaluation": {"command": ["true"]},
        "budget": {"trials": TRIALS},
        "sampler": {"name": sampler, "seed": seed},
    }
    return Study.model_validate(sections)


def best_by_search(task: ConstrainedTask, points: int = 200_000, seed: int = 0) -> tuple[float, float]:
    """Return the smallest and the median loss of random feasible points, to check what a task says of itself."""
    study, rng = _study(task, "random", 0), random.Random(seed)
    losses = []
    for _ in range(points):
        found = task.measure(study.space.sample(rng))
        if all(over <= 0 for over in violations(study, found).values()):
            losses.append(found["loss"])
    losses.sort()
    return losses[0], losses[len(losses) // 2]
