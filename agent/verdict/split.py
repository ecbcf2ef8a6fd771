"""What the code gave and what the parameters gave: a 2 x 2 re-measurement, interleaved, on the check seeds.

The four corners are base and edited program, each with default and tuned configuration; effects are ratios (a larger
one is better), from the logarithms of the corners seed by seed, with signed-rank intervals.
"""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ...tools.targets import Measurement
from ..statistics import Interval, signed_rank
from ..study.sections import Study
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from .check import Measure


@dataclass(frozen=True)
class Split:
    """Gains as ratios: of the edit alone, of the tuned parameters alone, of what only both give, and of all."""

    code: Interval
    parameters: Interval
    both: Interval
    whole: Interval
    seeds: int


@dataclass(frozen=True)
class SplitProgress:
    """How far the measurement is; `split` comes with the last one, None where a corner failed too often."""

    done: int
    total: int
    split: Split | None = None
    failed: str = ""


def corners(default: Trial, incumbent: Trial) -> list[Candidate]:
    """Return base x default, edited x default, base x tuned, edited x tuned."""
    patch = incumbent.candidate.patch
    configurations = (default.configuration, incumbent.configuration)
    return [Candidate(configuration, edit) for configuration in configurations for edit in (None, patch)]


async def measure_split(
    study: Study, default: Trial, incumbent: Trial, seeds: Sequence[int], measure: Measure
) -> AsyncIterator[SplitProgress]:
    """Yield progress; the order of the corners turns with every seed, so that drift favours none."""
    sides = corners(default, incumbent)
    purpose, table = f"split:{incumbent.number}", [list[Measurement]() for _ in sides]
    total = len(seeds) * len(sides)
    for position, seed in enumerate(seeds):
        turn = position % len(sides)
        for index in [*range(turn, len(sides)), *range(turn)]:
            table[index].append(await measure(purpose, index, position, seed, sides[index]))
            yield SplitProgress(sum(map(len, table)), total)
    split, failed = _split(study, table)
    yield SplitProgress(total, total, split, failed)


def _split(study: Study, table: Sequence[Sequence[Measurement]]) -> tuple[Split | None, str]:
    objective = study.objectives[0]
    gains: list[list[float]] = []
    for row in zip(*table, strict=True):
        failed = next((each.reason or "" for each in row if each.state != "complete"), None)
        if failed is not None:
            return None, failed
        found = [objective.gain(1.0, each.metrics[objective.metric]) for each in row]
        if None in found:
            return None, f"{objective.metric} has values that are no positive numbers: no ratio is known"
        gains.append([math.log(gain) for gain in found if gain is not None])
    code = [edited - base for base, edited, _tuned, _all in gains]
    parameters = [tuned - base for base, _edited, tuned, _all in gains]
    both = [(everything - tuned) - (edited - base) for base, edited, tuned, everything in gains]
    whole = [everything - base for base, _edited, _tuned, everything in gains]
    ratio = {
        name: signed_rank(logs).map(math.exp)
        for name, logs in {"code": code, "parameters": parameters, "both": both, "whole": whole}.items()
    }
    return Split(**ratio, seeds=len(gains)), ""
