"""What a prompt says about a study: bounded however long the history is, and the same for the same history.

The values come in two parts: what never changes in a study (for the prefix that providers cache), and the record. Times
are told by their order of magnitude only, so that a replay asks the same.
"""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from ...prompts import Settings
from ...tools.catalogue import load_catalogue, machine_facts
from ..study.goals import Objective
from ..study.parameters import Parameter
from ..study.sections import Focus, Study
from ..study.words import short, words
from ..trials.history import History
from ..trials.lines import clip, line_of
from ..trials.trial import Trial
from .base import Context
from .code import parent_words, program_words
from .own_ideas import own_ideas

_NOTES, _RUNNING = 5, 8
_ELSEWHERE = {"default", "planner"}
_DURATIONS = (
    (0.3, "a fraction of a second"),
    (3, "about a second"),
    (30, "some seconds"),
    (180, "about a minute"),
    (3600, "some minutes"),
)
_LONGEST_DESCRIPTION = 2000


def stable_part(study: Study, answer: str) -> dict[str, Any]:
    """Return what a system prompt uses; `answer` is how the model is to answer."""
    about = study.study
    return {
        "study": {
            "name": about.title or about.name,
            "description": about.description.strip()[:_LONGEST_DESCRIPTION],
            "system": about.system,
            "goals": _goals(study),
            "forbidden": [f"{clause.when} ({clause.reason})" for clause in study.forbidden],
        },
        "parameters": [_parameter(name, parameter) for name, parameter in study.space.parameters.items()],
        "objective": {"metric": study.objectives[0].metric},
        "catalogue": _catalogue(study),
        "machine": _machine(),
        "answer": answer,
        "program": program_words(study),
    }


def record_part(context: Context, settings: Settings, n: int) -> dict[str, Any]:
    """Return what a task prompt uses."""
    study, left, state = context.study, context.trials_left, context.optimizer
    return {
        "record": describe_record(context.history, settings),
        "own": own_ideas(context),
        "optimizer": {
            "name": state.name if state else "none",
            "lines": [clip(line) for line in (*state.forecasts, *state.lines)] if state else [],
            "suggestion": words(state.candidates[0]) if state and state.candidates else "",
            "correlations": state.correlations if state else (),
        },
        "recalled": recalled_lines(context),
        "lessons": lesson_lines(context),
        "focus": [_focused(name, focus) for name, focus in study.focus.items()],
        "notes": [clip(note) for note in context.notes[-_NOTES:]],
        "evaluation": evaluation_words(context.history),
        "question": {"kind": context.question.kind},
        "parent": parent_words(context),
        "budget": {
            "trials": study.budget.trials,
            "trials_left": int(left) if left is not None else "unlimited",
            "ideas_left": context.ideas_left,
        },
        "n": n,
    }


def recalled_lines(context: Context) -> list[str]:
    """Return a line per similar study."""
    return [
        clip(f"{each.key} (similarity {each.similarity:.2f}), best: {words(dict(each.configuration))}")
        for each in context.memory.similar
    ]


def lesson_lines(context: Context) -> list[str]:
    """Return a line per lesson of earlier studies."""
    return [clip(f"{each.words} (confidence {each.confidence:.2f})") for each in context.memory.lessons]


def describe_record(history: History, settings: Settings) -> dict[str, Any]:
    """Return the history in a bounded number of lines, each trial once: a planner's own ideas stand elsewhere."""
    finished, study = [trial for trial in history.finished if trial.state != "lost"], history.study
    complete = [trial for trial in finished if trial.state == "complete"]
    failed = [trial for trial in finished if trial.state == "failed"]
    running = [trial for trial in history.trials if trial.state == "running"]
    default = history.default
    top = [each for each in diverse_best(history, settings.top) if each.source.kind not in _ELSEWHERE]
    shown = {id(trial) for trial in (*top, *failed)}
    others = [t for t in finished if t.source.kind not in _ELSEWHERE and id(t) not in shown]
    best = history.incumbent
    return {
        "finished": len(finished),
        "failed": len(failed),
        "running": [clip(f"{_author(t)}: {words(t.configuration)}") for t in running[:_RUNNING] if t is not default],
        "default": line_of(default, study) if default and default.state != "running" else "not measured yet",
        "best": line_of(best, study) if best else "none yet",
        "quantiles": _quantiles(study.objectives[0], complete),
        "top": [line_of(trial, study) for trial in top],
        "recent": [line_of(trial, study) for trial in others[-settings.recent :]] if settings.recent else [],
        "failures": [line_of(trial, study) for trial in _different_failures(failed, settings.failed)],
    }


def evaluation_words(history: History) -> dict[str, str]:
    """Return how long an evaluation takes and how much its results vary, in words; '' where nobody knows."""
    times = [trial.duration_s for trial in history.finished if trial.duration_s > 0]
    noise = history.noise.relative
    varies = "how much its results vary is not known"
    if noise is not None:
        varies = (
            f"repeated, its results vary by {noise:.0%}" if noise >= 0.005 else "repeated, its results are the same"
        )
    return {"time": _duration(median(times)) if times else "", "noise": varies}


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


def _duration(seconds: float) -> str:
    """Return a time by its order of magnitude."""
    for limit, text in _DURATIONS:
        if seconds < limit:
            return text
    return "hours"


def _author(trial: Trial) -> str:
    return "your idea" if trial.source.kind == "planner" else f"by {trial.source}"


def _focused(name: str, focus: Focus) -> str:
    if focus.values is not None:
        values = " | ".join(map(short, focus.values))
        return f"{name} is frozen at {values}" if len(focus.values) == 1 else f"{name} only {values}"
    low = [] if focus.low is None else [f"from {_number(focus.low)}"]
    high = [] if focus.high is None else [f"to {_number(focus.high)}"]
    return f"{name} only {' '.join(low + high)}"


def _machine() -> str:
    """Return what the machine offers, as a catalogue's expressions see it."""
    facts = machine_facts()
    return f"{facts['cores']} CPUs, {float(facts['memory']) / 2**30:.3g} GiB of memory"


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
            step = f" in steps of {_number(parameter.step)}" if parameter.step not in {None, 1} else ""
            ends = f"{_number(parameter.low)} to {_number(parameter.high)}"
            values = f"{parameter.type} {ends}{step}{', log' if parameter.log else ''}"
        case "bool":
            values = "true or false"
        case "categorical" | "ordinal":
            values = " | ".join(map(short, parameter.choices))
    return {
        "name": name,
        "range": clip(values),
        "default": short(parameter.default),
        "unit": parameter.unit,
        "when": parameter.when or "",
        "description": clip(parameter.description),
    }


def _number(value: float) -> str:
    """Return a number as text: integers exactly, others to six digits."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else f"{value:.6g}"


def _catalogue(study: Study) -> list[str]:
    """Return the documented knobs that are parameters here, and the catalogue's values for this machine."""
    if study.study.system is None:
        return []
    catalogue = load_catalogue(study.study.system)
    units = {name: parameter.unit for name, parameter in study.parameters.items()}
    lines = [
        f"{name}: {knob.description}"
        for name, knob in catalogue.knobs.items()
        if name in units and not study.parameters[name].description  # said there already
    ]
    for name, profile in catalogue.profiles.items():
        values = catalogue.recommend(name, units, machine_facts())
        mended = {key: study.parameters[key].mend(value)[0] for key, value in values.items()}
        if mended:
            lines.append(f"{name} ({profile.description}): {words(mended)}")
    return [clip(line) for line in lines]
