"""Lets a long benchmark be cut to some seeds and budgets, to choose on some and report on others."""

import os
from collections.abc import Sequence


def chosen(seeds: Sequence[int], budgets: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the seeds and budgets of SEEDS (as 100-103) and BUDGETS (as 10,50), else those given."""
    low, _, high = os.environ.get("SEEDS", "").partition("-")
    wanted = {int(each) for each in os.environ.get("BUDGETS", "").split(",") if each}
    return (
        list(range(int(low), int(high or low) + 1)) if low else list(seeds),
        [each for each in budgets if not wanted or each in wanted],
    )
