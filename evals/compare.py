"""Is B worse than A? For the CI of prompts: two results of a suite, or two arms of one."""

from dataclasses import dataclass

import numpy as np

from ..tools.errors import InputError
from .results import Results
from .statistics import ByTask, Comparison, compare


@dataclass(frozen=True)
class Pairing:
    """B's arm against A's, at the last budget."""

    name: str
    comparison: Comparison
    pairs: int


def compare_arms(results: Results, a: str, b: str) -> list[Pairing]:
    """Compare two arms of one result.

    Raises:
        InputError: it has no such arm.
    """
    for name in (a, b):
        if name not in results.arms:
            raise InputError(f"the results have no arm {name!r}", f"they have: {', '.join(results.arms)}")
    table = results.regrets(results.marks[-1])
    return [_pairing(f"{b} against {a}", {"a": table[a], "b": table[b]})]


def compare_results(a: Results, b: Results) -> list[Pairing]:
    """Compare each arm that two results have in common, on the tasks and seeds they share.

    Raises:
        InputError: nothing can be compared.
    """
    if a.marks[-1] != b.marks[-1]:
        raise InputError(f"A ran {a.marks[-1]} trials a cell, B {b.marks[-1]}", "compare suites of equal budgets")
    found = []
    for arm in a.arms:
        mine, theirs = (
            {(cell.task, cell.seed): cell.curve[-1] for cell in each.of(arm) if cell.curve} for each in (a, b)
        )
        shared = sorted(mine.keys() & theirs.keys())
        if shared:
            tasks = dict.fromkeys(task for task, _seed in shared)
            table: dict[str, ByTask] = {
                side: {task: np.array([values[pair] for pair in shared if pair[0] == task]) for task in tasks}
                for side, values in (("a", mine), ("b", theirs))
            }
            found.append(_pairing(arm, table))
    if not found:
        raise InputError("the two results share no arm, task and seed", "run the same suite twice")
    return found


def _pairing(name: str, table: dict[str, ByTask]) -> Pairing:
    pairs = sum(len(values) for values in table["a"].values())
    return Pairing(name, compare(table, "a")[0], pairs)
