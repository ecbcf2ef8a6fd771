"""Trials of a study whose space was changed since: what is still valid is kept, completed; the rest does not count."""

from collections.abc import Iterable
from dataclasses import replace

from ...tools.expressions import Value
from ...tools.text import one_line
from ..study.parameters import Parameter
from ..study.space import Space
from ..study.words import short
from .trial import Trial

OUTSIDE = "outside the space since it was changed: "
"""How the reason of a trial begins that no longer counts."""


def fitted(trials: Iterable[Trial], space: Space) -> list[Trial]:
    """Return the trials as the space knows them today.

    A parameter that a trial does not have is new, and was at its default. One whose values are not allowed today is
    failed, with the reason; its measurements stay in the store.
    """
    return [_fitted(trial, space) for trial in trials]


def is_outside(trial: Trial) -> bool:
    """Whether a trial does not count because the space was changed."""
    return trial.state == "failed" and (trial.reason or "").startswith(OUTSIDE)


def _fitted(trial: Trial, space: Space) -> Trial:
    given = trial.configuration
    wrong = [f"there is no {name}" for name in given if name not in space.parameters]

    def choose(name: str, parameter: Parameter) -> Value:
        if name not in given:
            return parameter.default
        if parameter.mend(given[name])[1]:
            wrong.append(f"{name}={short(given[name])}")
        return given[name]

    completed = space.draw(choose)
    if wrong:
        return replace(
            trial, state="failed", reason=OUTSIDE + one_line(", ".join(wrong), 300), metrics={}, values=[], steps={}
        )
    return trial if completed == given else replace(trial, candidate=replace(trial.candidate, configuration=completed))
