"""The final check: incumbent and default measured again, in interleaved pairs, on seeds the search never saw."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ...tools.targets import Measurement
from ..events import CheckResult
from ..statistics import MIN_PAIRS, gain_difference, gain_ratio
from ..study.sections import Objective, Study
from ..study.space import Configuration
from ..trials.history import violations
from ..trials.trial import Trial

_RESCUED = "improved: the default failed on all check seeds, the incumbent on none"

Measure = Callable[[str, int, int, int, Configuration], Awaitable[Measurement]]
"""Measures (purpose, trial or step, position, seed, configuration), or returns what the store has of it."""


@dataclass
class Pairs:
    """The measurements of default and incumbent, seed by seed."""

    default: list[Measurement]
    incumbent: list[Measurement]

    def values(self, metric: str) -> tuple[list[float], list[float]]:
        """Return a metric of both sides, for the seeds where neither failed."""
        both = [
            (a.metrics[metric], b.metrics[metric])
            for a, b in zip(self.default, self.incumbent, strict=True)
            if a.state == b.state == "complete"
        ]
        return [a for a, _ in both], [b for _, b in both]


async def measure_pairs(study: Study, default: Trial, incumbent: Trial, measure: Measure) -> AsyncIterator[Pairs]:
    """Yield the pairs so far after each seed; who goes first alternates, so that drift favours neither."""
    pairs = Pairs([], [])
    purpose = f"check:{incumbent.number}"
    for position, seed in enumerate(study.evaluation.check_seeds):
        sides = [(default, pairs.default), (incumbent, pairs.incumbent)]
        for trial, measurements in sides if position % 2 == 0 else sides[::-1]:
            measurements.append(await measure(purpose, trial.number, position, seed, trial.configuration))
        yield pairs


def judge(study: Study, pairs: Pairs) -> list[CheckResult]:
    """Return the verdict for each objective."""
    failed = sum(each.state == "failed" for each in pairs.incumbent)
    doubt = (
        f"the incumbent failed on {failed} of {len(pairs.incumbent)} check seeds" if failed else _violated(study, pairs)
    )
    return [_judge_one(objective, pairs, doubt, failed) for objective in study.objectives]


def _default_fails(pairs: Pairs) -> bool:
    """Whether the default failed on all check seeds, enough of them, and the incumbent on none."""
    failed = [each.state == "failed" for each in pairs.default]
    worked = [each.state == "complete" for each in pairs.incumbent]
    return len(failed) >= MIN_PAIRS and all(failed) and all(worked)


def nothing_to_check(study: Study) -> list[CheckResult]:
    """Return the verdict when the default itself is the best configuration found."""
    return [
        CheckResult(
            metric=objective.metric,
            ratio=1.0,
            low=1.0,
            high=1.0,
            pairs=0,
            improved=False,
            verdict="no reliable improvement: nothing better than the default was found",
        )
        for objective in study.objectives
    ]


def _judge_one(objective: Objective, pairs: Pairs, doubt: str, failed: int) -> CheckResult:
    before, after = pairs.values(objective.metric)
    ratio = gain_ratio(objective, before, after) if before else None
    difference = gain_difference(objective, before, after) if before and ratio is None else None
    low = ratio.low > 1 if ratio else bool(difference and difference.low > 0)
    high = ratio.high < 1 if ratio else bool(difference and difference.high < 0)
    enough = len(before) >= MIN_PAIRS
    rescued = _default_fails(pairs) and not doubt
    return CheckResult(
        metric=objective.metric,
        ratio=ratio.value if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        difference=(difference.value, difference.low, difference.high) if difference else None,
        pairs=len(before),
        improved=rescued or (low and enough and not doubt),
        verdict=_RESCUED if rescued else _verdict(len(before), better=low, worse=high, doubt=doubt),
        default_median=median(before) if before else None,
        incumbent_median=median(after) if after else None,
        failed_pairs=failed,
    )


def _verdict(pairs: int, *, better: bool, worse: bool, doubt: str) -> str:
    if doubt:
        return f"no reliable improvement: {doubt}"
    if pairs < MIN_PAIRS:
        return f"no reliable improvement: {pairs} pairs are too few to tell (at least {MIN_PAIRS})"
    if better:
        return "improved: the whole interval is on the better side"
    if worse:
        return "no reliable improvement: the incumbent is worse on the check seeds"
    return "no reliable improvement: the interval includes no change"


def _violated(study: Study, pairs: Pairs) -> str:
    """Return the constraint that the incumbent breaks on the check seeds, in words; '' when it keeps all."""
    complete: Sequence[Measurement] = [each for each in pairs.incumbent if each.state == "complete"]
    for constraint in study.constraints:
        over = [violations(study, each.metrics)[constraint.metric] for each in complete]
        if over and median(over) > 0:
            return f"the incumbent breaks the constraint on {constraint.metric} on the check seeds"
    return ""
