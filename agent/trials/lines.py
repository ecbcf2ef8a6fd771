"""Trials as lines of bounded length, safe to stand in a prompt."""

from ...tools.text import fenced
from ..study.sections import Study
from ..study.words import words
from .trial import Trial

_LONGEST_LINE = 600


def line_of(trial: Trial, study: Study) -> str:
    """Return one trial as a line: number, what differs from the default, result."""
    if trial.state == "failed":
        result = f"failed: {fenced(trial.reason or '')}"
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
    changed = {name: v for name, v in trial.configuration.items() if study.space.default.get(name) != v}
    return f"default but {words(changed)}" if changed else "default"


def clip(line: str) -> str:
    """Return a line of bounded length."""
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."
