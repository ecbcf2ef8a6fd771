"""Makes lessons of a study that has ended, and judges earlier ones by it.

Lessons come from the steps of its ablation that were proved, and from regions in which trials failed beyond chance. A
lesson that speaks of the study is confirmed or refuted by its ablation, else by a regression over its trials.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm, rankdata, t

from ...tools.catalogue import machine_facts
from ...tools.expressions import Value
from ..events import AblationStep, StudyFinished
from ..optimizers.encoding import Encoding, to_unit
from ..study.parameters import Parameter
from ..study.sections import Study
from ..study.words import short
from ..trials.history import History
from ..trials.trial import Trial
from .lessons import is_of_system, scope_of
from .store import Store
from .store.lessons import StoredLesson, Verdict
from .store.profiles import Profile, trait_of

CONSOLIDATOR = "consolidator 1"
"""The author of the lessons that are made here; it changes with what is made of the same study."""
_LEAST_FREE, _LEVEL = 5, 0.05
"""Degrees of freedom that a regression needs, and from which p-value on its verdict counts."""
_FAILURE_LEVEL, _LEAST_FAILED = 0.01, 3
_Toward = Callable[[Value], float]


def consolidate(store: Store, study: Study, study_id: int, project: str, history: History, end: StudyFinished) -> None:
    """Judge the lessons that speak of an ended study, then add what it teaches itself."""
    known = [each for each in store.lessons(**scope_of(study)) if is_of_system(each, study) and each.retired is None]
    for each in known:
        verdict = judged(study, each, history, end.ablation)
        if verdict:
            store.say_of_lesson(each.number, study_id, verdict)
    used = {name for trial in history.trials for name in trial.because}
    for each in known:
        if f"lesson {each.number}" in used:
            store.say_of_lesson(each.number, study_id, used=True)
    for name, statement in [*_helped(study, end), *_failed(study, history)]:
        if not any(_same(each, name, statement) for each in known):
            _add(store, study, study_id, project, name, statement)


def _same(lesson: StoredLesson, name: str, statement: Mapping[str, Any]) -> bool:
    mine = ("kind", "better", "worse", "side", "value")
    same = all(lesson.statement.get(field) == statement.get(field) for field in mine)
    return same and lesson.trait.partition(":")[0] == name


def _add(store: Store, study: Study, study_id: int, project: str, name: str, statement: dict[str, Any]) -> None:
    trait, aims = trait_of(name, study.parameters[name]), Profile.of(study).aims
    words = " ".join([name, study.parameters[name].description, study.study.system or "", statement["text"]])
    store.add_lesson(study_id, trait, aims, study.study.system, project, statement, CONSOLIDATOR, words)


def _helped(study: Study, end: StudyFinished) -> list[tuple[str, dict[str, Any]]]:
    """Return what the ablation proved of single parameters: what helped, and what hurt, the other way round."""
    found = []
    for step in end.ablation if end.check is not None and end.best is not None else []:
        if not step.matters or len(step.parameters) != 1 or None in {step.ratio, step.low, step.high}:
            continue
        ((name, (before, after)),) = step.parameters.items()
        if name not in study.parameters or before is None or after is None:
            continue
        ratio, low, high = float(step.ratio or 1), float(step.low or 1), float(step.high or 1)
        better, worse = after, before
        if ratio < 1:
            better, worse, ratio, low, high = before, after, 1 / ratio, 1 / high, 1 / low
        metric, trial = study.objectives[0].metric, end.best.trial if end.best else 0
        found.append(
            (
                name,
                {
                    "kind": "helps", "better": better, "worse": worse, "metric": metric,
                    "ratio": ratio, "low": low, "high": high, "trials": [0, trial], "machine": machine_facts(),
                    "text": f"{metric} {short(better)} helps",
                },
            )
        )  # fmt: skip
    return found


def _failed(study: Study, history: History) -> list[tuple[str, dict[str, Any]]]:
    """Return the region of one parameter that tells failed trials best from others, where it does beyond chance."""
    finished = [trial for trial in history.finished if trial.state not in {"pruned", "lost"}]
    failed = [trial.state == "failed" for trial in finished]
    if sum(failed) < _LEAST_FAILED or all(failed):
        return []
    regions = [each for name, parameter in study.parameters.items() for each in _regions(name, parameter, finished)]
    chances = [_chance(failed, each.members) for each in regions]
    if not chances or min(chances) * len(chances) >= _FAILURE_LEVEL:  # Bonferroni's correction
        return []
    region = regions[chances.index(min(chances))]
    inside = region.members
    numbers = [trial.number for trial, bad, there in zip(finished, failed, inside, strict=True) if bad and there]
    statement = {
        "kind": "fails", "side": region.side, "value": region.value, "failed": len(numbers), "of": sum(inside),
        "trials": numbers[:20], "machine": machine_facts(), "text": f"fails {finished[numbers[0]].reason or ''}",
    }  # fmt: skip
    return [(region.name, statement)]


@dataclass(frozen=True)
class _Region:
    """A parameter on one side of a value, and which trials lie there."""

    name: str
    side: str
    value: Value
    members: list[bool]


def _regions(name: str, parameter: Parameter, trials: Sequence[Trial]) -> list[_Region]:
    """Return the regions of a parameter between which trials differ."""
    values = [trial.configuration.get(name) for trial in trials]
    there = list(dict.fromkeys(value for value in values if value is not None))
    sides = ("=",) if parameter.type in {"bool", "categorical"} else (">=", "<=")
    found = [
        _Region(name, side, each, [_lies(parameter, side, each, value) for value in values])
        for each in there
        for side in sides
    ]
    return [region for region in found if not all(region.members)]


def _lies(parameter: Parameter, side: str, limit: Value, value: Value | None) -> bool:
    """Whether a value lies on a side of another one; an inactive parameter lies nowhere."""
    if value is None:
        return False
    ahead = to_unit(parameter, value) - to_unit(parameter, limit)
    return ahead == 0 or (side == ">=" and ahead > 0) or (side == "<=" and ahead < 0)


def _chance(failed: Sequence[bool], inside: Sequence[bool]) -> float:
    """Return the p-value of Fisher's exact test, one-sided: that a region holds so many of the failed trials."""
    both = sum(bad and there for bad, there in zip(failed, inside, strict=True))
    return float(hypergeom.sf(both - 1, len(failed), sum(failed), sum(inside)))


def judged(study: Study, lesson: StoredLesson, history: History, ablation: Sequence[AblationStep]) -> Verdict:
    """Return what an ended study says of a lesson: by its ablation, else by its trials; '' where it cannot tell."""
    name = lesson.trait.partition(":")[0]
    if lesson.statement.get("kind") == "fails":
        return _judged_failures(study, name, lesson.statement, history)
    better, worse = lesson.statement["better"], lesson.statement["worse"]
    toward = _toward(study.parameters[name], better, worse)
    for step in ablation:
        if step.matters and step.ratio is not None and [*step.parameters] == [name]:
            before, after = step.parameters[name]
            moved = toward(after) - toward(before) if before is not None and after is not None else np.nan
            if np.isfinite(moved) and moved != 0:
                return "confirmed" if (step.ratio > 1) == (moved > 0) else "refuted"
    return _judged_by_trials(study, name, toward, history)


def _toward(parameter: Parameter, better: Value, worse: Value) -> _Toward:
    """Return a function that tells how far a value is on the way from the worse one to the better; NaN: on none."""
    if parameter.type in {"bool", "categorical"}:
        return lambda value: 1.0 if value == better else 0.0 if value == worse else np.nan
    sign = 1.0 if to_unit(parameter, better) > to_unit(parameter, worse) else -1.0
    return lambda value: sign * to_unit(parameter, value)


def _judged_by_trials(study: Study, name: str, toward: _Toward, history: History) -> Verdict:
    """Judge by a linear regression of the trials' normal scores on this parameter, beside all others."""
    complete = [trial for trial in history.trials if trial.state == "complete" and name in trial.configuration]
    along = np.array([toward(trial.configuration[name]) for trial in complete])
    keep = np.flatnonzero(np.isfinite(along))
    if len(keep) < _LEAST_FREE or np.ptp(along[keep]) == 0:
        return ""
    losses = np.array([history.losses(complete[index])[0] for index in keep])
    scores = norm.ppf((rankdata(losses) - 0.5) / len(losses))
    encoding = Encoding(study.space)
    others = [index for index, each in enumerate(encoding.names) if each != name]
    points = np.array([encoding.encode(complete[index].configuration) for index in keep])[:, others]
    effect, p = _regressed(np.column_stack([np.ones(len(keep)), along[keep], points]), scores)
    if not p < _LEVEL:
        return ""
    return "confirmed" if effect < 0 else "refuted"


def _regressed(columns: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the coefficient of the second column and its p-value; 1 where too little is left to tell."""
    inverse = np.linalg.pinv(columns)
    free = len(values) - int(np.linalg.matrix_rank(columns))
    if free < _LEAST_FREE:
        return 0.0, 1.0
    coefficients = inverse @ values
    residual = values - columns @ coefficients
    error = np.sqrt(float(residual @ residual) / free * float((inverse @ inverse.T)[1, 1]))
    if error == 0:
        return 0.0, 1.0
    return float(coefficients[1]), float(2 * t.sf(abs(coefficients[1]) / error, free))


def _judged_failures(study: Study, name: str, statement: Mapping[str, Any], history: History) -> Verdict:
    """Judge a region of failures by how many of a study's trials failed in it."""
    parameter = study.parameters[name]
    limit, _change = parameter.mend(statement["value"])
    inside = [
        each.state == "failed"
        for each in history.finished
        if each.state not in {"pruned", "lost"}
        and _lies(parameter, str(statement["side"]), limit, each.configuration.get(name))
    ]
    if len(inside) < _LEAST_FAILED:
        return ""
    share = sum(inside) / len(inside)
    return "confirmed" if share >= 0.5 else "refuted" if share == 0 else ""
