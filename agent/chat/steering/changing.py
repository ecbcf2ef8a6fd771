"""Changes of a study in a conversation: each keeps everything else, and answers from the state after it."""

from collections.abc import Callable
from typing import Any

from ...study.sections import Study
from ...study.words import short
from .control import StudyControl


def set_budget(
    control: StudyControl,
    trials: int | None = None,
    wall_time_s: float | None = None,
    calls: int | None = None,
    dollars: float | None = None,
) -> str:
    """Change limits of the budget; what is not given stays."""
    given = {"trials": trials, "wall_time_s": wall_time_s, "calls": calls, "dollars": dollars}
    changed = {name: value for name, value in given.items() if value is not None}
    study = control.change(lambda now: {"budget": {**now.budget.model_dump(exclude_none=True), **changed}})
    limits = study.budget.model_dump(exclude_none=True)
    return f"budget: {', '.join(f'{name} {value:g}' for name, value in limits.items())}"


def narrow(control: StudyControl, parameter: str, low: float, high: float) -> str:
    """Search a numeric parameter between two values only."""
    study = _refocus(control, parameter, lambda _study: {"low": low, "high": high})
    control.note(f"{parameter} is searched from {low:g} to {high:g} only")
    return f"{parameter} is searched from {low:g} to {high:g}; {restrictions(study)}"


def freeze(control: StudyControl, parameter: str, value: bool | float | str) -> str:
    """Keep a parameter at one value."""

    def only(study: Study) -> dict[str, Any]:
        known = study.parameters.get(parameter)
        return {"values": [known.mend(value)[0] if known is not None else value]}

    study = _refocus(control, parameter, only)
    [kept] = study.focus[parameter].values or [value]
    control.note(f"{parameter} stays at {short(kept)}: propose no other value")
    return f"{parameter} stays at {short(kept)}; {restrictions(study)}"


def forbid(control: StudyControl, when: str, reason: str) -> str:
    """Never evaluate a region again, with the reason; planners are told."""
    added = {"when": when, "reason": reason}
    study = control.change(lambda now: {"forbidden": [*(each.model_dump() for each in now.forbidden), added]})
    control.note(f"never again where {when}: {reason}")
    return f"forbidden: {when} ({reason}); {restrictions(study)}"


def restrictions(study: Study) -> str:
    """Return how much the search is kept to, so that whoever changed one thing sees that there are others."""
    kept, clauses = len(study.focus), len(study.forbidden)
    return f"{kept} parameter{'s' * (kept != 1)} restricted and {clauses} region{'s' * (clauses != 1)} forbidden now"


def set_model(control: StudyControl, name: str) -> str:
    """Let another model propose from now on."""
    control.overrides["model"] = {"name": name}
    if control.study is not None:
        control.change(
            lambda study: {
                "model": {**study.model.model_dump(exclude_none=True), "name": name},
                "planner": {**study.planner.model_dump(), "name": "auto"},
            }
        )
    return f"model: {name}"


def set_prompts(control: StudyControl, name: str) -> str:
    """Use another prompt variant from now on."""
    control.overrides["planner"] = {"prompts": name}
    if control.study is not None:
        control.change(lambda study: {"planner": {**study.planner.model_dump(), "prompts": name}})
    return f"prompts: {name}"


def _refocus(control: StudyControl, parameter: str, focus: Callable[[Study], dict[str, Any]]) -> Study:
    def added(study: Study) -> dict[str, Any]:
        known = {name: each.model_dump(exclude_none=True) for name, each in study.focus.items()}
        return {"focus": {**known, parameter: focus(study)}}

    return control.change(added)
