"""Our `auto` against Optuna's TPE on the measured tables: mean normalised regret after 25 and 50 trials."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from statistics import fmean

from ...agent.optimizer import Optimizer
from ...agent.space import key
from ...agent.study import Study
from ...agent.trial import Trial
from ..tasks import expand, load_task
from ..tasks.task import SHIPPED
from .comparison import Comparison

BUDGETS, SEEDS = (25, 50), range(10)


def run() -> Iterator[Comparison]:
    """Run both on all tables and seeds; the default configuration comes first for both."""
    tables = expand(["systems/*"], SHIPPED)
    cells = list(product(tables, ("auto", "optuna-tpe"), SEEDS))
    with ProcessPoolExecutor() as pool:
        found = dict(zip(cells, pool.map(regrets, *zip(*cells, strict=True)), strict=True))
    for index, budget in enumerate(BUDGETS):
        for table in [*tables, ""]:
            mine, theirs = (
                fmean(each[index] for (name, arm, _), each in found.items() if arm == wanted and table in {name, ""})
                for wanted in ("auto", "optuna-tpe")
            )
            what = f"regret of auto after {budget} trials, {table or 'all tables'}"
            yield Comparison(what, mine, "TPE", max(theirs, 1e-9), 1.0 if not table else float("inf"), unit="of median")


def regrets(name: str, sampler: str, seed: int) -> list[float]:
    """Return the regret of one run after each budget."""
    task, trials = load_task(name), max(BUDGETS)
    assert task.truth is not None
    sections = {**task.sections, "budget": {"trials": trials}, "sampler": {"name": sampler, "seed": seed}}
    study = Study.model_validate(sections)
    metric = study.objectives[0].metric
    optimizer, seen, best, found = Optimizer(study), set[str](), float("inf"), []
    for number in range(trials):
        configuration = study.space.default if number == 0 else optimizer.propose(seen)
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        trial = Trial(number, "default" if number == 0 else sampler, configuration, state="complete")
        trial.metrics = {metric: task.truth(configuration)}
        optimizer.finished(trial)
        best = min(best, task.regret(trial.metrics[metric], 0.0))
        if number + 1 in BUDGETS:
            found.append(best)
    return found
