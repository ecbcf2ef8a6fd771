"""Our `auto` against Optuna's TPE on the measured tables: mean normalised regret after 25 and 50 trials."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from statistics import fmean

from ..tasks import expand
from ..tasks.task import SHIPPED
from .comparison import Ratio
from .proposals import regrets

BUDGETS, SEEDS = (25, 50), range(10)


def run() -> Iterator[Ratio]:
    """Run both on all tables and seeds; the default configuration comes first for both."""
    tables = expand(["systems/*"], SHIPPED)
    cells = list(product(("auto", "optuna-tpe"), tables, SEEDS))
    with ProcessPoolExecutor() as pool:
        found = dict(zip(cells, pool.map(partial(regrets, budgets=BUDGETS), *zip(*cells, strict=True)), strict=True))
    for index, budget in enumerate(BUDGETS):
        for table in [*tables, ""]:
            mine, theirs = (
                fmean(each[index] for (arm, name, _), each in found.items() if arm == wanted and table in {name, ""})
                for wanted in ("auto", "optuna-tpe")
            )
            what = f"regret of auto after {budget} trials, {table or 'all tables'}"
            yield Ratio(what, mine, "TPE", max(theirs, 1e-9), "" if table else "auto-regret", unit="of median")
