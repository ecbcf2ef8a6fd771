"""Trials as lines of bounded length, safe to stand in a prompt."""

from ...tools.targets.code.edits import EditError, added_lines, edits_of
from ...tools.targets.code.tunables import values_of
from ...tools.text import fenced, one_line
from ..study.sections import Study
from ..study.words import words
from .trial import Trial

_LONGEST_LINE = 600


def line_of(trial: Trial, study: Study) -> str:
    """Return one trial as a line: number, what differs from the default, result."""
    if trial.state in {"failed", "lost"}:
        result = f"{trial.state}: {fenced(trial.reason or '')}"
    else:
        result = " ".join(
            f"{name}={trial.metrics[name]:.5g}" for name in study.required_metrics if name in trial.metrics
        )
        result += " infeasible" if trial.state == "infeasible" else ""
    return clip(f"trial {trial.number}: {_changes(trial, study)} -> {result}")


def _changes(trial: Trial, study: Study) -> str:
    """Return a configuration as what differs from the default, which costs fewer tokens than all of it."""
    if trial.source.kind == "default":
        return words(trial.configuration)
    edited = f"{edit_words(trial)}, " if trial.candidate.patch is not None else ""
    changed = {name: v for name, v in trial.configuration.items() if study.space.default.get(name) != v}
    return f"{edited}default but {words(changed)}" if changed else f"{edited}default"


def edit_words(trial: Trial) -> str:
    """Return a trial's edit in a few words; '' where it has none."""
    if trial.candidate.patch is None:
        return ""
    try:
        edits = edits_of(trial.candidate.patch)
    except EditError:
        return "an edit that cannot be read"
    names = one_line(", ".join(dict.fromkeys(edit.file for edit in edits)), 100)
    values = "".join(
        f", {place.rpartition(':')[2]} = {value:g}" for place, value in values_of(trial.candidate.patch).items()
    )
    lines = sum(added_lines(edit.search, edit.replace) for edit in edits)
    parent = f", on trial {trial.parent}" if trial.parent else ""
    return f"an edit of {names} ({lines} lines{one_line(values, 80)}{parent})"


def clip(line: str) -> str:
    """Return a line of bounded length."""
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."
