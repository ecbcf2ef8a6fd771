"""Tunes the constants of one edit together with the study's parameters.

Branches have parameters of their own, which the study's sampler does not know. So where one has, a sampler of the same
kind is built for it, over both: it is told the branch's trials as they are, and all others as what is known before, at
the constants' defaults, with the effects of the edits divided out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...tools.expressions import Value
from ...tools.targets.code.tunables import Tunable, tunables_of, values_of
from ..study.sections import Study
from ..study.space import Configuration, key
from ..trials.branches import Branches, branch_of
from ..trials.candidate import Candidate
from ..trials.history import History
from ..trials.trial import Trial
from .mirror import Optimizer

_MOST_TOLD = 200


def propose_on_branch(history: History, base: Trial, arm: str | None) -> tuple[Configuration, dict[str, Value]]:
    """Return a configuration, and values of the constants (by place) that are tuned on the branch of a trial.

    Raises:
        SpaceExhaustedError: all of them were tried.
    """
    names = _names(history.study, tunables_of(base.candidate.patch))
    study = _extended(history.study, names)
    optimizer = Optimizer(study, told=len(history.trials))
    branches, own, seen = Branches(history.study), branch_of(base), set()
    finished = history.finished
    for number, trial in enumerate(finished):
        at = values_of(trial.candidate.patch) if branch_of(trial) == own else {}
        told = {**trial.configuration, **{name: at.get(each.place, each.default) for name, each in names.items()}}
        if branch_of(trial) == own:
            seen.add(key(told))
        level = branches.levelled(trial, finished)
        if len(finished) - number <= _MOST_TOLD and study.space.violated(told) is None:
            optimizer.started(trial.number, told, advised=trial.source.is_advice)
            optimizer.finished(replace(level, candidate=Candidate(told)))
    found = optimizer.propose(seen, arm)
    values = {each.place: found[name] for name, each in names.items()}
    return {name: value for name, value in found.items() if name not in names}, values


def _names(study: Study, tunables: list[Tunable]) -> dict[str, Tunable]:
    """Return the constants by names that no parameter of the study has."""
    names: dict[str, Tunable] = {}
    for each in tunables:
        name = each.name
        while name in study.parameters or name in names:
            name += "_"
        names[name] = each
    return names


def _extended(study: Study, names: Mapping[str, Tunable]) -> Study:
    data = study.model_dump(mode="json", exclude_none=True)
    data["parameters"] |= {name: _section(each) for name, each in names.items()}
    return Study.model_validate(data)


def _section(each: Tunable) -> dict[str, Any]:
    kind, number = ("int", int) if each.whole else ("float", float)
    bounds = {"low": number(each.low), "high": number(each.high), "default": number(each.default)}
    return {"type": kind, "log": each.log, **bounds}
