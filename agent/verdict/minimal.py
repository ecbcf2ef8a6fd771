"""The smallest configuration that does as well: the incumbent without the changes that were not seen to help.

A step of the ablation without a proven effect may still have a small one, so what is left is measured again, beside
the default and the whole incumbent, seed by seed. It is accepted when its gain over the default is proved as the
incumbent's was, and it is not worse than the incumbent by more than the incumbent's own interval reaches down: a test
of non-inferiority at the level of that interval. Must not know how or where things are measured.
"""

from collections.abc import AsyncIterator, Sequence
from statistics import median

from ...tools.expressions import Value
from ...tools.targets import Measurement
from ..events import AblationStep, CheckResult, MinimalConfiguration
from ..statistics import gain_ratio
from ..study.goals import Objective
from ..study.sections import Study
from ..study.space import Configuration
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from .ablation import differing
from .bounds import UNASKED_S
from .check import Measure
from .judgement import Pairs, judge

_SIDES, _TRIES = 3, 2
_DEFAULT, _WHOLE, _REDUCED = range(_SIDES)


def reductions(study: Study, default: Trial, incumbent: Trial, steps: Sequence[AblationStep]) -> list[Configuration]:
    """Return the configurations to try, smallest first.

    The first keeps the changes that were told to help, the second all that did not look harmful; what equals the
    default or the incumbent is no reduction.
    """
    last = {name: step for step in steps for name in step.parameters}  # a later step has the last word on a parameter
    helped = {name for name, step in last.items() if step.matters and (step.ratio or 0) > 1}
    seemed = {name for name, step in last.items() if step.ratio is None or step.ratio > 1}
    if not helped:
        return []
    found: list[Configuration] = []
    for names in (helped, seemed | helped):
        reduced = _with(study, default.configuration, incumbent.configuration, names)
        if reduced is not None and reduced not in (default.configuration, incumbent.configuration, *found):
            found.append(reduced)
    return found


def _with(study: Study, default: Configuration, incumbent: Configuration, names: set[str]) -> Configuration | None:
    """Return the default with some of the incumbent's values, None where the study forbids that."""
    kept = {name: incumbent[name] for name in names if name in incumbent}
    reduced = study.space.complete({**default, **kept})
    possible = all(reduced.get(name) == value for name, value in kept.items())
    return reduced if possible and study.space.violated(reduced) is None else None


def most_evaluations(study: Study, seconds: float | None) -> int:
    """Return how many evaluations a study spends on it at most, where one takes so many seconds; None: not known."""
    most = _TRIES * _SIDES * len(study.evaluation.check_seeds)
    asked = study.check.minimal is True or (study.check.minimal == "auto" and most * (seconds or 0.0) <= UNASKED_S)
    return most if study.check.ablation and asked else 0


def worth_it(study: Study, tries: int, measured: Sequence[Measurement]) -> tuple[bool, float]:
    """Return whether the study wants the reductions measured, and about how many seconds that takes at most."""
    one = median(each.duration_s for each in measured) if measured else 0.0
    seconds = tries * _SIDES * len(study.evaluation.check_seeds) * one
    wanted = study.check.minimal
    return (seconds <= UNASKED_S if wanted == "auto" else wanted), seconds


def unmeasured(incumbent: Trial, reduced: Configuration, seconds: float) -> MinimalConfiguration:
    """Return a reduction that was not measured, because nobody asked for so much."""
    return MinimalConfiguration(
        configuration=reduced,
        dropped=_dropped(incumbent.configuration, reduced),
        accepted=False,
        verdict=f"not measured: up to {seconds / 60:.0f} min more (check.minimal = true does it)",
    )


async def measure_minimal(
    study: Study, default: Trial, incumbent: Trial, tries: Sequence[Configuration], check: CheckResult, measure: Measure
) -> AsyncIterator[tuple[int, int, MinimalConfiguration | None]]:
    """Yield (evaluations done, total at most, result), where the result comes with the last one.

    `check` is the incumbent's for the first objective: its interval says how much worse is not told from as good.
    """
    seeds = study.evaluation.check_seeds
    done, total = 0, len(tries) * _SIDES * len(seeds)
    for number, configuration in enumerate(tries):
        reduced = Candidate(configuration, incumbent.candidate.patch)
        sides = (default.candidate, incumbent.candidate, reduced)
        rows: list[list[Measurement]] = [[] for _ in sides]
        for position, seed in enumerate(seeds):
            for turn in range(_SIDES):  # each side is first, second and last equally often
                side = (position + turn) % _SIDES
                purpose = f"minimal:{incumbent.number}:{number}"
                rows[side].append(await measure(purpose, side, position, seed, sides[side]))
                done += 1
                if len(rows[_REDUCED]) < len(seeds) or turn < _SIDES - 1:
                    yield done, total, None
        found = _judged(study, rows, incumbent.configuration, configuration, check)
        if found.accepted or number == len(tries) - 1:
            yield done, done, found
            return
        yield done, total, None


def _judged(
    study: Study, rows: list[list[Measurement]], whole: Configuration, reduced: Configuration, check: CheckResult
) -> MinimalConfiguration:
    checks = judge(study, Pairs(rows[_DEFAULT], rows[_REDUCED]))
    accepted, verdict = _verdict(study.objectives[0], Pairs(rows[_WHOLE], rows[_REDUCED]), checks[0], check)
    return MinimalConfiguration(
        configuration=reduced, dropped=_dropped(whole, reduced), accepted=accepted, verdict=verdict, checks=checks
    )


def _dropped(whole: Configuration, reduced: Configuration) -> dict[str, tuple[Value | None, Value | None]]:
    return {name: (whole.get(name), reduced.get(name)) for name in differing(whole, reduced)}


def _verdict(objective: Objective, pairs: Pairs, reduced: CheckResult, whole: CheckResult) -> tuple[bool, str]:
    """Return whether a reduction is as good, and why; the pairs are of the whole incumbent and of it."""
    before, after = pairs.values(objective.metric)
    if not reduced.improved:
        return False, f"not as good: {reduced.verdict}"
    ratio = gain_ratio(objective, before, after) if before else None
    if ratio is None or whole.ratio is None or whole.low is None:
        return False, "not as good: it could not be compared with the whole incumbent"
    told = f"{ratio.value:.2f}x of it, {ratio.low:.2f} to {ratio.high:.2f}"
    if ratio.low >= whole.low / whole.ratio:
        return True, f"as good: not worse than the whole incumbent beyond its interval ({told})"
    return False, f"not as good: it may be worse than the whole incumbent ({told})"
