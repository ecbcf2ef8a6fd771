"""What a prompt says about a study: bounded however long the history is, and the same for the same history.

The values come in two parts: what never changes in a study (for the prefix that providers cache), and the record.
Times are left out on purpose, so that a replay asks the same.
"""

from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from ...prompts import Settings
from ...tools.catalogue import load_catalogue, machine_facts
from ..study.parameters import Parameter
from ..study.sections import Objective, Study
from ..study.words import short, words
from ..trials.history import History
from ..trials.lines import clip, line_of
from ..trials.trial import Trial
from .base import Context
from .calibration import calibrate

_NOTES = 5
_LONGEST_DESCRIPTION = 2000


def stable_part(study: Study, answer: str) -> dict[str, Any]:
    """Return what a system prompt uses; `answer` is how the model is to answer."""
    about = study.study
    return {
        "study": {
            "name": about.name,
            "description": about.description.strip()[:_LONGEST_DESCRIPTION],
            "system": about.system,
            "goals": _goals(study),
            "forbidden": [f"{clause.when} ({clause.reason})" for clause in study.forbidden],
        },
        "parameters": [_parameter(name, parameter) for name, parameter in study.space.parameters.items()],
        "objective": {"metric": study.objectives[0].metric},
        "catalogue": _catalogue(study),
        "answer": answer,
    }


def record_part(context: Context, settings: Settings, n: int) -> dict[str, Any]:
    """Return what a task prompt uses."""
    history, study = context.history, context.study
    calibration = calibrate(history.trials, study.objectives[0].metric)
    left = context.trials_left
    state = context.optimizer
    return {
        "record": describe_record(history, settings),
        "optimizer": {
            "name": state.name if state else "none",
            "next": words(state.next) if state else "nothing",
            "lines": [clip(line) for line in state.lines] if state else [],
            "correlations": state.correlations if state else (),
        },
        "recalled": recalled_lines(context),
        "notes": [clip(note) for note in context.notes[-_NOTES:]],
        "calibration": str(calibration) if calibration else "",
        "budget": {"trials_left": int(left) if left is not None else "unlimited"},
        "n": n,
    }


def recalled_lines(context: Context) -> list[str]:
    """Return a line per similar study."""
    return [
        clip(f"{each.key} (similarity {each.similarity:.2f}), best: {words(dict(each.configuration))}")
        for each in context.recalled
    ]


def describe_record(history: History, settings: Settings) -> dict[str, Any]:
    """Return the history in a bounded number of lines."""
    finished = history.finished
    complete = [trial for trial in finished if trial.state == "complete"]
    failed = [trial for trial in finished if trial.state == "failed"]
    objective = history.study.objectives[0]
    default, best = history.default, history.incumbent
    return {
        "finished": len(finished),
        "failed": len(failed),
        "default": line_of(default, history.study) if default and default.state != "running" else "not measured yet",
        "best": line_of(best, history.study) if best else "none yet",
        "quantiles": _quantiles(objective, complete),
        "top": [line_of(trial, history.study) for trial in diverse_best(history, settings.top)],
        "recent": [line_of(t, history.study) for t in finished[-settings.recent :]] if settings.recent else [],
        "failures": [line_of(trial, history.study) for trial in _different_failures(failed, settings.failed)],
    }


def diverse_best(history: History, count: int) -> list[Trial]:
    """Return good trials that differ from each other in at least two parameters, best first."""
    ranked = sorted((t for t in history.trials if t.state == "complete"), key=history.losses)[: 10 * count]
    chosen: list[Trial] = []
    for trial in ranked:
        if all(_differences(trial, other) >= 2 for other in chosen):
            chosen.append(trial)
        if len(chosen) == count:
            break
    return chosen


def _differences(one: Trial, other: Trial) -> int:
    names = {**one.configuration, **other.configuration}
    return sum(one.configuration.get(name) != other.configuration.get(name) for name in names)


def _different_failures(failed: Sequence[Trial], count: int) -> list[Trial]:
    """Return the latest failed trial of each of the latest reasons."""
    latest = {trial.reason: trial for trial in failed}
    return list(latest.values())[-count:] if count else []


def _quantiles(objective: Objective, complete: Sequence[Trial]) -> str:
    values = [trial.metrics[objective.metric] for trial in complete]
    if len(values) < 4:
        return ""
    low, middle, high = quantiles(values, n=4)
    return f"quartiles {low:.5g}, {middle:.5g}, {high:.5g}; range {min(values):.5g} to {max(values):.5g}"


def _goals(study: Study) -> list[str]:
    goals = []
    for objective in study.objectives:
        name = f"{objective.metric}{f' ({objective.unit})' if objective.unit else ''}"
        goals.append(f"{objective.goal} {name}" if objective.aim is None else f"bring {name} {objective.goal}")
    for constraint in study.constraints:
        bounds = [f"at most {constraint.max:g}"] if constraint.max is not None else []
        bounds += [f"at least {constraint.min:g}"] if constraint.min is not None else []
        goals.append(f"keep {constraint.metric} {' and '.join(bounds)}")
    return goals


def _parameter(name: str, parameter: Parameter) -> dict[str, str]:
    match parameter.type:
        case "float" | "int":
            step = f" in steps of {parameter.step:g}" if parameter.step not in {None, 1} else ""
            values = (
                f"{parameter.type} {parameter.low:.6g} to {parameter.high:.6g}{step}{', log' if parameter.log else ''}"
            )
        case "bool":
            values = "true or false"
        case "categorical" | "ordinal":
            values = " | ".join(map(str, parameter.choices))
    return {
        "name": name,
        "range": clip(values),
        "default": short(parameter.default),
        "unit": parameter.unit,
        "when": parameter.when or "",
        "description": clip(parameter.description),
    }


def _catalogue(study: Study) -> list[str]:
    """Return the documented knobs that are parameters here, and the catalogue's values for this machine."""
    if study.study.system is None:
        return []
    catalogue = load_catalogue(study.study.system)
    units = {name: parameter.unit for name, parameter in study.parameters.items()}
    lines = [f"{name}: {knob.description}" for name, knob in catalogue.knobs.items() if name in units]
    for name, profile in catalogue.profiles.items():
        values = catalogue.recommend(name, units, machine_facts())
        mended = {key: study.parameters[key].mend(value)[0] for key, value in values.items()}
        if mended:
            lines.append(f"{name} ({profile.description}): {words(mended)}")
    return [clip(line) for line in lines]
