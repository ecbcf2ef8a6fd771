"""Our `auto` against Optuna's TPE on the measured tables: mean normalised regret after 25 and 50 trials."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from statistics import fmean

from ...agent.optimizer import Optimizer
from ...agent.space import key
from ...agent.study import Study
from ...agent.trial import Trial
from ..tables import load_table, table_names
from .comparison import Comparison

BUDGETS, SEEDS = (25, 50), range(10)


def run() -> Iterator[Comparison]:
    """Run both on all tables and seeds; the default configuration comes first for both."""
    cells = list(product(table_names(), ("auto", "tpe"), SEEDS))
    with ProcessPoolExecutor() as pool:
        found = dict(zip(cells, pool.map(regrets, *zip(*cells, strict=True)), strict=True))
    for index, budget in enumerate(BUDGETS):
        for table in [*table_names(), ""]:
            mine, theirs = (
                fmean(each[index] for (name, arm, _), each in found.items() if arm == wanted and table in {name, ""})
                for wanted in ("auto", "tpe")
            )
            what = f"regret of auto after {budget} trials, {table or 'all tables'}"
            yield Comparison(what, mine, "TPE", max(theirs, 1e-9), 1.0 if not table else float("inf"), unit="of median")


def regrets(table_name: str, sampler: str, seed: int) -> list[float]:
    """Return the regret of one run after each budget."""
    table, trials = load_table(table_name), max(BUDGETS)
    study = Study.model_validate(
        {
            "study": {"name": "table"},
            "parameters": table.parameters(),
            "objectives": [{"metric": "value", "direction": "minimize"}],
            "evaluation": {"command": ["true"]},
            "budget": {"trials": trials},
            "sampler": {"name": sampler, "seed": seed},
        }
    )
    optimizer, seen, best, found = Optimizer(study), set[str](), float("inf"), []
    for number in range(trials):
        configuration = study.space.default if number == 0 else optimizer.propose(seen)
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        trial = Trial(number, "default" if number == 0 else sampler, configuration, state="complete")
        trial.metrics = {"value": table.look_up(configuration)}
        optimizer.finished(trial)
        best = min(best, trial.metrics["value"])
        if number + 1 in BUDGETS:
            found.append(table.regret(best))
    return found
