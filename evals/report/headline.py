"""What a suite shows, in sentences: at every budget and over the whole run, and what it cannot decide."""

import math
from collections.abc import Iterator

from .. import statistics as st
from ..results import Results
from ..statistics import Comparison


def headline(results: Results) -> list[str]:
    """Return which differences are real, at which budgets, and which are not shown or cannot be."""
    table, reference = results.regrets(results.marks[-1]), results.suite["reference"]
    if reference not in table or not results.paired():
        return ["No seed is complete for all arms: nothing can be compared yet."]
    lines, told = [], set()
    for where, compared in _compared(results):
        for verdict in ("better", "worse"):
            arms = [each for each in compared if each.verdict == verdict]
            told |= {each.arm for each in arms}
            if arms:
                named = ", ".join(f"{each.arm} ({each.relative:+.0%}, p = {each.adjusted:.2g})" for each in arms)
                lines.append(f"With confidence {verdict} than {reference} {where}: {named}.")
    unclear = [arm for arm in table if arm not in told and arm != reference]
    if unclear:
        lines.append(_undecided(unclear, reference, len(results.paired()), len(table) - 1))
    if results.missing:
        lines.append(f"{results.missing} cells are missing (stopped by {results.stopped_by}).")
    failing = [name for name in results.arms if any(cell.problem for cell in results.of(name))]
    if failing:
        lines.append(f"The planner failed in some cells of {', '.join(failing)}: see behaviour.")
    return lines


def pairs_needed(arms: int) -> int:
    """Return the fewest pairs for which Wilcoxon's test, corrected for so many arms, can tell anything."""
    return math.ceil(1 + math.log2(max(1, arms) / st.LEVEL))


def _compared(results: Results) -> Iterator[tuple[str, list[Comparison]]]:
    """Yield every budget and the area under the curve, with the arms' comparisons there."""
    reference = results.suite["reference"]
    for mark in results.marks[:-1]:
        yield f"after {mark} trials", st.compare(results.regrets(mark), reference)
    yield f"after {results.marks[-1]} trials", list(results.comparisons.values())
    yield "over the whole run (area under the curve)", st.compare(results.areas(), reference)


def _undecided(arms: list[str], reference: str, pairs: int, compared: int) -> str:
    needed = pairs_needed(compared)
    if pairs < needed:
        return (
            f"{pairs} pairs cannot decide about {', '.join(arms)}: it takes at least {needed} pairs of task and seed."
        )
    return f"No difference to {reference} was shown at any budget for {', '.join(arms)}, with {pairs} pairs."
