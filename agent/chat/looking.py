"""What a conversation may be told of a study: where it stands, its best, a trial, a comparison; for people and models.

What an evaluated program printed, and what another model wrote, is passed through `quote`: made plain for people,
fenced as untrusted for models.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...tools.errors import InputError
from ...tools.text import fenced, plain
from ..planners.digest import stable_part
from ..study.apply import render
from ..study.approval import EDIT
from ..study.sections import Focus, Study
from ..study.toml_text import to_toml
from ..study.words import short, words
from ..trials.history import History
from ..trials.lines import clip, line_of
from ..trials.trial import Trial

if TYPE_CHECKING:
    from .steering.control import StudyControl

Quote = Callable[[str], str]
_MOST_PARAMETERS, _MOST_REASONS = 60, 3


def describe(control: "StudyControl", quote: Quote = fenced) -> str:
    """Return the study and where it stands: everything that a model must know before it acts."""
    if control.study is None:
        return "There is no study yet."
    study, history = control.study, control.history
    known = stable_part(study, "tools")
    lines = [f"Study {study.name} ({control.state}): {'; '.join(known['study']['goals'])}."]
    lines += [_parameter(each, study) for each in known["parameters"][:_MOST_PARAMETERS]]
    left_out = len(known["parameters"]) - _MOST_PARAMETERS
    lines += [f"- and {left_out} more parameters"] if left_out > 0 else []
    lines += [f"never: {each}" for each in known["study"]["forbidden"]]
    lines.append(_measured(study))
    lines.append(_budget(control, study))
    return "\n".join([*lines, *(_so_far(history, study, quote) if history is not None else [])])


def _parameter(known: Mapping[str, str], study: Study) -> str:
    unit = f" {known['unit']}" if known["unit"] else ""
    when = f", only when {known['when']}" if known["when"] else ""
    focus = study.focus.get(known["name"])
    searched = f"; searched only: {focus_words(focus)}" if focus is not None else ""
    return clip(f"- {known['name']}: {known['range']}{unit}, default {known['default']}{when}{searched}")


def focus_words(focus: Focus) -> str:
    """Return where the search looks for a parameter."""
    if focus.values is not None:
        return " or ".join(map(short, focus.values))
    return f"{'any' if focus.low is None else short(focus.low)} to {'any' if focus.high is None else short(focus.high)}"


def _measured(study: Study) -> str:
    evaluation = study.program
    how = " ".join(evaluation.command) if evaluation.command is not None else f"python {evaluation.python}"
    if study.target is not None and study.target.kind not in {"command", "python"}:
        how = f"a target of kind {study.target.kind}"
    repeats = f", {evaluation.repeats} repeats" if evaluation.repeats > 1 else ""
    return clip(
        f"Measured by: {how} ({evaluation.workers} at a time, at most {evaluation.timeout_s:g} s each{repeats})."
    )


def _budget(control: "StudyControl", study: Study) -> str:
    limits = study.budget.model_dump(exclude_none=True)
    if control.asks:
        policy = "every proposal is approved by the person"
    elif study.code is not None and control.decision(EDIT).decide == "ask":
        policy = "edits of the program are approved by the person, configurations are not asked about"
    else:
        policy = "proposals are not asked about"
    return f"Budget: {', '.join(f'{name} {value:g}' for name, value in limits.items())}; mode {control.mode}: {policy}."


def _so_far(history: History, study: Study, quote: Quote) -> list[str]:
    finished = history.finished
    running = len(history.trials) - len(finished)
    failed = [trial for trial in finished if trial.state == "failed"]
    lines = [f"{len(finished)} trials finished, {len(failed)} of them failed, {running} running."]
    reasons = Counter(trial.reason or "" for trial in failed).most_common(_MOST_REASONS)
    lines += [f"{count} failed: {quote(reason)}" for reason, count in reasons]
    if history.default is not None and history.default.state == "failed":
        lines.append("The default configuration itself fails.")
    if history.incumbent is not None:
        lines.append(f"Best: {line_of(history.incumbent, study)}")
    return lines


def best(control: "StudyControl", quote: Quote = plain) -> str:
    """Return the incumbent against the default."""
    history = control.history
    if history is None or history.incumbent is None:
        return "nothing has been measured yet"
    lines = [line_of(history.incumbent, history.study)]
    if history.default is not None:
        lines.append(f"default: {_metrics(history.default, history.study, quote)}")
    if control.report is not None and control.report.check is not None:
        lines.append(f"check: {control.report.check.verdict}")
    return "\n".join(lines)


def explain(control: "StudyControl", number: int, quote: Quote = plain) -> str:
    """Return where a trial came from, what was expected, and what became of it.

    Raises:
        InputError: there is no such trial.
    """
    trial, study = control.trial(number), control.known_study()
    source = trial.source
    by = f"{source.label} ({source.author})" if source.author else source.label
    lines = [f"trial {number}, proposed by {by}: {trial.state}", words(trial.configuration)]
    lines += [f"why: {quote(trial.rationale)}"] if trial.rationale else []
    lines += [f"gate: {trial.gate['why']}"] if trial.gate.get("why") else []
    for metric, (expected, low, high) in trial.predicted.items():
        measured = trial.metrics.get(metric)
        got = f", measured {measured:.4g}" if measured is not None else ""
        lines.append(f"predicted {metric} {expected:.4g} ({low:.4g} to {high:.4g}){got}")
    lines.append(f"result: {quote(trial.reason) if trial.reason else _metrics(trial, study, quote)}")
    lines += [f"repaired {each['parameter']}: {each['why']}" for each in trial.changes]
    return "\n".join(lines)


def compare(control: "StudyControl", one: int, other: int, quote: Quote = plain) -> str:
    """Return how two trials differ, in configuration and result.

    Raises:
        InputError: one of them does not exist.
    """
    a, b, study = control.trial(one), control.trial(other), control.known_study()
    lines = [f"trial {one} | trial {other}"]
    for name in {**a.configuration, **b.configuration}:
        mine, theirs = a.configuration.get(name), b.configuration.get(name)
        if mine != theirs:
            lines.append(f"{name}: {_shown(mine)} | {_shown(theirs)}")
    return "\n".join([*lines, f"{_metrics(a, study, quote)} | {_metrics(b, study, quote)}"])


def cost(control: "StudyControl") -> str:
    """Return what the study has spent."""
    ledger = control.ledger()
    if not any(ledger.spent.values()):
        return "nothing was spent yet"
    parts = []
    for name, each in ledger.snapshot().items():
        limit = f" of {each['limit']:g}" if each["limit"] is not None else ""
        parts.append(f"{name} {each['spent']:.4g}{limit}")
    return ", ".join(parts)


def applied(control: "StudyControl") -> str:
    """Return the text that applies what is offered: of a result what was checked, before it the incumbent.

    Raises:
        InputError: there is no incumbent yet.
    """
    history = control.history
    if history is None or history.incumbent is None:
        raise InputError("nothing has been measured yet", "/start first")
    offered = control.report.offered() if control.report is not None else None
    return render(control.known_study(), offered or history.incumbent.configuration)


def as_toml(control: "StudyControl") -> str:
    """Return the study as the text of a study file."""
    return to_toml(control.known_study().model_dump(mode="json", exclude_none=True, exclude_defaults=True))


def _metrics(trial: Trial, study: Study, quote: Quote) -> str:
    """Return a trial's metrics; the names of those that the study does not ask for are the program's own words."""
    asked = [f"{name}={trial.metrics[name]:.4g}" for name in study.required_metrics if name in trial.metrics]
    other = " ".join(
        f"{name}={value:.4g}" for name, value in trial.metrics.items() if name not in study.required_metrics
    )
    asked += [quote(other)] if other else []
    return " ".join(asked) or (quote(trial.reason) if trial.reason else trial.state)


def _shown(value: object) -> str:
    return "inactive" if value is None else short(value)
