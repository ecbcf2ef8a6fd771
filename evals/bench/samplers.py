"""Our `auto` against Optuna's TPE on the measured tables: mean normalised regret after 25 and 50 trials."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from statistics import fmean

from ..tasks import expand, load_task
from ..tasks.task import SHIPPED
from .comparison import Ratio
from .proposals import proposals

BUDGETS, SEEDS = (25, 50), range(10)


def run() -> Iterator[Ratio]:
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
            yield Ratio(what, mine, "TPE", max(theirs, 1e-9), "" if table else "auto-regret", unit="of median")


def regrets(name: str, sampler: str, seed: int) -> list[float]:
    """Return the regret of one run after each budget."""
    task = load_task(name)
    assert task.truth is not None
    best, found = float("inf"), []
    for number, (configuration, _ms) in enumerate(proposals(task, sampler, max(BUDGETS), seed), 1):
        best = min(best, task.regret(task.truth(configuration), 0.0))
        if number in BUDGETS:
            found.append(best)
    return found
