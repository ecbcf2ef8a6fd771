"""What pairs of measurements prove: better or not, within which interval, and what speaks against it.

Must not know how or where the pairs were measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, stdev

from ...tools.targets import Measurement
from ..events import CheckResult, ConstraintResult
from ..statistics import (
    MIN_PAIRS,
    Interval,
    gain_difference,
    gain_ratio,
    risk_of_none,
    signed_rank,
    signed_rank_p,
    smallest_effect,
    trend,
)
from ..study.goals import Constraint, Objective
from ..study.sections import Study

_BEARABLE = 0.1
"""Share of the check seeds on which the incumbent may fail before its result is void."""
_DRIFTS = 0.01


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


@dataclass(frozen=True)
class _Case:
    """What speaks for and against an incumbent whatever the objective says."""

    against: str
    rescue: str
    notes: tuple[str, ...]
    constraints: tuple[ConstraintResult, ...]


def judge(study: Study, pairs: Pairs) -> list[CheckResult]:
    """Return the verdict for each objective.

    A default that fails or breaks a constraint is beaten by an incumbent that does not, whatever the objective says.
    """
    constraints = tuple(_constraint(each, pairs) for each in study.constraints)
    case = _Case(_against(study, pairs), _rescue(pairs, constraints), _notes(pairs), constraints)
    return [_judge_one(objective, pairs, case) for objective in study.objectives]


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


def _judge_one(objective: Objective, pairs: Pairs, case: _Case) -> CheckResult:
    before, after = pairs.values(objective.metric)
    ratio = gain_ratio(objective, before, after) if before else None
    difference = gain_difference(objective, before, after) if before and ratio is None else None
    found, none = ratio or difference, 1.0 if ratio else 0.0
    better = found is not None and found.low > none
    worse = found is not None and found.high < none
    smallest = _smallest(objective, before, after, as_ratio=ratio is not None)
    improved = not case.against and (better or bool(case.rescue))
    return CheckResult(
        metric=objective.metric,
        ratio=ratio.value if ratio else None,
        low=_finite(ratio.low) if ratio and len(before) >= MIN_PAIRS else None,
        high=_finite(ratio.high) if ratio and len(before) >= MIN_PAIRS else None,
        difference=_triple(difference) if difference and len(before) >= MIN_PAIRS else None,
        pairs=len(before),
        improved=improved,
        verdict=_verdict(len(before), case, better=better, worse=worse),
        default_median=median(before) if before else None,
        incumbent_median=median(after) if after else None,
        failed_pairs=sum(each.state == "failed" for each in pairs.incumbent),
        constraints=list(case.constraints),
        smallest=smallest,
        notes=list(case.notes),
        risk=_risk(objective, before, after) if improved and better and not case.rescue else None,
        void=bool(case.against),
    )


def _verdict(pairs: int, case: _Case, *, better: bool, worse: bool) -> str:
    if case.against:
        return f"no reliable improvement: {case.against}"
    if case.rescue:
        return f"improved: {case.rescue}"
    if better:
        return "improved: the whole interval is on the better side"
    if pairs < MIN_PAIRS:
        enough = f"{pairs} pairs can prove nothing at 2.5 % without assumptions, at least {MIN_PAIRS} are needed"
        return f"no reliable improvement: {enough}"
    if worse:
        return "no reliable improvement: the incumbent is worse on the check seeds"
    return "no reliable improvement: the interval includes no change"


def _risk(objective: Objective, before: Sequence[float], after: Sequence[float]) -> float:
    """Return the chance that an improvement that pairs have proved is none all the same."""
    gains = [objective.gain(a, b) for a, b in zip(before, after, strict=True)]
    if None not in gains:
        return risk_of_none(signed_rank_p([math.log(gain) for gain in gains if gain is not None]))
    return risk_of_none(
        signed_rank_p([objective.loss(a) - objective.loss(b) for a, b in zip(before, after, strict=True)])
    )


def _smallest(objective: Objective, before: Sequence[float], after: Sequence[float], *, as_ratio: bool) -> float | None:
    """Return the smallest gain that so many pairs of this spread prove four times in five; None where unknown."""
    if len(before) < MIN_PAIRS:
        return None
    if as_ratio:
        gains = [objective.gain(a, b) or 1.0 for a, b in zip(before, after, strict=True)]
        return math.exp(smallest_effect(stdev(map(math.log, gains)), len(gains)))
    apart = [objective.loss(a) - objective.loss(b) for a, b in zip(before, after, strict=True)]
    return smallest_effect(stdev(apart), len(apart))


def _constraint(constraint: Constraint, pairs: Pairs) -> ConstraintResult:
    """Return how both sides keep a constraint on the check seeds."""
    sides: list[tuple[float, float, float] | None] = []
    verdicts: list[bool | None] = []
    for side in (pairs.default, pairs.incumbent):
        values = [each.metrics[constraint.metric] for each in side if each.state == "complete"]
        over = signed_rank([constraint.violation(value) for value in values]) if values else None
        known = len(values) >= MIN_PAIRS
        sides.append(_triple(signed_rank(values)) if known else None)
        verdicts.append(None if over is None or not known or over.low <= 0 < over.high else over.high <= 0)
    return ConstraintResult(
        metric=constraint.metric,
        bound=constraint.words,
        default=sides[0],
        incumbent=sides[1],
        default_keeps=verdicts[0],
        incumbent_keeps=verdicts[1],
    )


def _against(study: Study, pairs: Pairs) -> str:
    """Return why the incumbent's result is void; '' when it is not."""
    failed, total = _failures(pairs.incumbent), len(pairs.incumbent)
    if failed > max(_BEARABLE * total, _failures(pairs.default)):
        return f"the incumbent failed on {failed} of {total} check seeds"
    for each in study.constraints:
        values = [measured.metrics[each.metric] for measured in pairs.incumbent if measured.state == "complete"]
        if values and each.violation(median(values)) > 0:
            return f"the incumbent breaks {each.metric} {each.words} on the check seeds: {median(values):.4g}"
    return ""


def _rescue(pairs: Pairs, constraints: Sequence[ConstraintResult]) -> str:
    """Return why the incumbent is better whatever the objective says; '' when nothing proves that."""
    only_default = sum(a.state == "failed" != b.state for a, b in zip(pairs.default, pairs.incumbent, strict=True))
    only_incumbent = sum(b.state == "failed" != a.state for a, b in zip(pairs.default, pairs.incumbent, strict=True))
    apart = [1.0] * only_default + [-1.0] * only_incumbent
    if len(apart) >= MIN_PAIRS and signed_rank(apart).low > 0:
        total = len(pairs.default)
        return (
            f"the default failed on {_failures(pairs.default)} of {total} check seeds, "
            f"the incumbent on {_failures(pairs.incumbent)}"
        )
    for each in constraints:
        if each.default_keeps is False and each.incumbent_keeps is not False and each.default and each.incumbent:
            broken, kept = f"{each.default[0]:.4g}", f"{each.incumbent[0]:.4g}"
            return f"the default breaks {each.metric} {each.bound}: {broken}; the incumbent keeps it: {kept}"
    return ""


def _notes(pairs: Pairs) -> tuple[str, ...]:
    """Return what a reader should know beside the verdict."""
    notes = []
    failed = [_failures(pairs.default), _failures(pairs.incumbent)]
    if any(failed):
        total = len(pairs.default)
        notes.append(f"failed on the check seeds: default {failed[0]} of {total}, incumbent {failed[1]} of {total}")
    seconds = [
        a.duration_s + b.duration_s
        for a, b in zip(pairs.default, pairs.incumbent, strict=True)
        if a.state == b.state == "complete"
    ]
    if trend(seconds) < _DRIFTS:
        notes.append("the machine drifted during the check: both sides of a pair stand side by side, so it cancels")
    return tuple(notes)


def _failures(side: Sequence[Measurement]) -> int:
    return sum(each.state == "failed" for each in side)


def _triple(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
