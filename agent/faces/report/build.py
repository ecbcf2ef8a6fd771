"""What a report says, gathered from a stored study; templates say where it stands."""

import datetime
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median, stdev
from typing import Any

import jinja2

from ....tools.text import neutral, one_line
from ...events import CheckResult, MinimalConfiguration
from ...memory.store import Store
from ...memory.store.rows import StoredStudy
from ...optimizers.importance import importance, interactions
from ...run.proposals.opening import Found
from ...run.result import result_of
from ...study.apply import shown
from ...study.sections import Study
from ...study.words import short
from ...trials.history import History
from .. import words
from . import drawing

_MOST_TRIALS = 5000
_MOST_NAMES, _MOST_PAIRS = 12, 5
_TELLING = 0.01
"""A smaller share of the variance is no interaction worth telling."""


def page(store: Store, found: Found) -> str:
    """Return a stored study as one HTML page that asks for nothing: style, pictures and script are inside."""
    return _render("page.html.j2", store, found)


def markdown(store: Store, found: Found) -> str:
    """Return a stored study's result as Markdown."""
    return _render("page.md.j2", store, found)


def _render(name: str, store: Store, found: Found) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(
        neutral(_facts(store, found)), axes=_axes(found.history, found.study), draw=drawing
    )


def _facts(store: Store, found: Found) -> dict[str, Any]:
    stored, study, history = found.stored, found.study, found.history
    calls, ranked = store.model_calls(stored.id), importance(history) if found.comparable else ""
    result = result_of(stored)
    offered = result.offered() if result is not None else None
    best = result.best.configuration if result is not None and result.best is not None else None
    checks = result.checks if result is not None else []
    return {
        "key": stored.key,
        "title": study.study.title or study.name,
        "description": study.study.description.strip(),
        "state": stored.state,
        "started": datetime.datetime.fromtimestamp(stored.created).astimezone().strftime("%Y-%m-%d %H:%M"),
        "verdict": _verdict(checks),
        "improved": bool(checks) and checks[0].improved,
        "checks": [_check(each, study) for each in checks],
        "goals": [f"{each.goal} {each.metric}{f' ({each.unit})' if each.unit else ''}" for each in study.objectives],
        "constraints": [f"{each.metric} {each.words}" for each in study.constraints],
        "changes": _changes(study, best),
        "ablation": [_step(each) for each in (result.ablation if result is not None else [])],
        "minimal": _minimal(result.minimal) if result is not None and result.minimal is not None else None,
        "parameters": [
            (name, each.type, short(each.default), each.description) for name, each in study.parameters.items()
        ],
        "names": list(study.parameters),
        "metrics": list(study.required_metrics),
        "trials": [_trial(each, study) for each in history.trials[:_MOST_TRIALS]],
        "left_out": max(0, len(history.trials) - _MOST_TRIALS),
        "points": _points(history),
        "noise": _noise(store, stored, history),
        "importance": [] if isinstance(ranked, str) else [each for each in ranked if each[1] > 0][:_MOST_NAMES],
        "together": _together(history) if found.comparable else [],
        "race": words.race(result.race) if result is not None else "",
        "cut": result.cut if result is not None else [],
        "states": Counter(each.state for each in history.trials),
        "sources": Counter(each.source.label for each in history.trials),
        "planner": f"{result.planner} ({result.planner_reason})" if result is not None else "",
        "sampler": result.sampler if result is not None else study.sampler.name,
        "sandbox": result.sandbox if result is not None else "",
        "spent": words.model_spending(result.budget) if result is not None else "",
        "calls": Counter(str(each["outcome"]) for each in calls),
        "rationales": [(each.number, each.rationale) for each in history.trials if each.rationale][:20],
        "environment": sorted((str(key), str(value)) for key, value in stored.environment.items()),
        "apply": shown(study, offered) if offered is not None else "",
        "objective": study.objectives[0].metric,
    }


def _noise(store: Store, stored: StoredStudy, history: History) -> float | None:
    """Return the deviation of one measurement as a share of its value: by repeats, else by those of the check."""
    if history.noise.relative is not None:
        return history.noise.relative
    metric = history.study.objectives[0].metric
    sides: dict[int, list[float]] = {}
    for purpose in store.purposes(stored.id):
        for each in store.evaluations(stored.id, purpose) if purpose.startswith("check:") else []:
            value = each.measurement.metrics.get(metric, 0.0)
            sides.setdefault(each.trial, []).extend([math.log(value)] if value > 0 else [])
    spreads = [stdev(values) for values in sides.values() if len(values) > 1]
    return median(spreads) if spreads else None


def _together(history: History) -> list[tuple[str, float]]:
    """Return the pairs of parameters that have an effect only together, with its share."""
    return [(f"{a} with {b}", share) for a, b, share in interactions(history) if share >= _TELLING][:_MOST_PAIRS]


def _minimal(found: MinimalConfiguration) -> dict[str, Any]:
    return {
        "dropped": [(name, short(whole), short(own)) for name, (whole, own) in found.dropped.items()],
        "verdict": f"{found.verdict[:1].upper()}{found.verdict[1:]}.",
        "checks": [f"{check.metric}: {words.interval(check)}" for check in found.checks],
    }


def _verdict(checks: list[CheckResult]) -> str:
    """Return the result in one sentence."""
    if not checks:
        return "The search is not finished, or nothing could be checked: nothing is claimed."
    check = checks[0]
    if check.improved:
        return f"Improved: {check.metric} is {words.interval(check)}, measured on seeds that the search never saw."
    smallest = f" A gain of {check.smallest - 1:.1%} could have been shown." if check.smallest and check.ratio else ""
    return f"{check.verdict[:1].upper()}{check.verdict[1:]}.{smallest}"


def _check(check: CheckResult, study: Study) -> dict[str, Any]:
    unit = next((each.unit for each in study.objectives if each.metric == check.metric), "")
    return {
        "metric": check.metric,
        "words": words.interval(check),
        "verdict": check.verdict,
        "default": words.number(check.default_median, unit),
        "incumbent": words.number(check.incumbent_median, unit),
        "interval": None if check.low is None or check.ratio is None else (check.ratio, check.low, check.high),
        "notes": words.beside(check),
    }


def _changes(study: Study, best: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    default = study.space.default
    names = [name for name in {**default, **(best or {})} if best is not None and default.get(name) != best.get(name)]
    return [(name, words.setting(default.get(name)), words.setting((best or {}).get(name))) for name in names]


def _step(step: Any) -> dict[str, Any]:
    changed, effect = words.step(step)
    return {
        "changed": changed,
        "effect": effect,
        "matters": step.matters,
        "interval": None if step.ratio is None or step.low is None else (step.ratio, step.low, step.high),
    }


def _trial(trial: Any, study: Study) -> dict[str, Any]:
    return {
        "number": trial.number,
        "source": str(trial.source),
        "state": trial.state,
        "values": [
            short(trial.configuration[name]) if name in trial.configuration else "" for name in study.parameters
        ],
        "metrics": [
            words.number(trial.metrics.get(name)) if name in trial.metrics else "" for name in study.required_metrics
        ],
        "seconds": words.seconds(trial.duration_s),
        "reason": one_line(trial.reason or "", 300),
    }


def _points(history: History) -> list[tuple[int, float, str, bool]]:
    """Return (number, metric, who proposed it, new best) of each complete trial."""
    found: list[tuple[int, float, str, bool]] = []
    best = float("inf")
    for trial in history.trials:
        if trial.state == "complete":
            loss = history.losses(trial)[0]
            found.append((trial.number, history.study.metric_of(loss), trial.source.kind, loss < best))
            best = min(best, loss)
    return found


def _axes(history: History, study: Study) -> drawing.Axes:
    """Return the lines of parallel coordinates: for each complete trial where it stands on each axis, 0 to 1."""
    complete = sorted((each for each in history.trials if each.state == "complete"), key=history.losses)[:200]
    numbers = [name for name, each in study.parameters.items() if each.type in {"int", "float"}]
    axes = list(study.parameters)[:12]
    lines = []
    for rank, trial in enumerate(complete):
        places = [_place(trial.configuration.get(name), study.parameters[name], name in numbers) for name in axes]
        lines.append((rank / max(1, len(complete) - 1), places, trial.number))
    return drawing.Axes([one_line(name) for name in axes], lines[::-1])


def _place(value: Any, parameter: Any, is_number: bool) -> float | None:
    if value is None:
        return None
    if is_number:
        low, high = float(parameter.low), float(parameter.high)
        return 0.5 if high <= low else (float(value) - low) / (high - low)
    choices = list(getattr(parameter, "choices", [False, True]))
    return choices.index(value) / max(1, len(choices) - 1) if value in choices else None
