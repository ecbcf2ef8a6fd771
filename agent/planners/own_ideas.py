"""A planner's own ideas in its prompt: what it expected, what came, how that ranks, what was repaired or refused."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from ..study.sections import Study
from ..study.words import words
from ..trials.history import History
from ..trials.lines import clip, line_of
from ..trials.trial import Trial
from .base import Context

_SHOWN, _REFUSED, _WAITING = 16, 5, 8


def own_ideas(context: Context) -> dict[str, Any]:
    """Return what a prompt says of the planner's own ideas: lines, bias, refused, waiting."""
    history = context.history
    ideas = ideas_of(history)
    ranks = _ranks(history)
    return {
        "lines": [_line(trial, context.study, ranks) for trial in ideas[-_SHOWN:]],
        "bias": bias(ideas, context.study),
        "refused": [clip(line) for line in context.refused[-_REFUSED:]],
        "waiting": [
            clip(f"your idea: {words(context.study.space.repair(each.values).configuration)}")
            for each in context.waiting[:_WAITING]
        ],
    }


def ideas_of(history: History) -> list[Trial]:
    """Return the finished trials of a planner's ideas, in order."""
    return [trial for trial in history.finished if trial.source.kind == "planner"]


def bias(ideas: Sequence[Trial], study: Study) -> str:
    """Return in which direction predictions were wrong, in words a planner can act on; '' with fewer than three."""
    objective = study.objectives[0]
    metric = objective.metric
    pairs = [(t.predicted[metric], t.metrics[metric]) for t in ideas if metric in t.predicted and metric in t.metrics]
    if len(pairs) < 3:
        return ""
    outside = sum(not low <= actual <= high for (_expected, low, high), actual in pairs)
    held = f"{len(pairs) - outside} of {len(pairs)} results were inside your intervals"
    held += "; make them wider" if outside > 0.2 * len(pairs) else ""
    losses = [(objective.loss(expected), objective.loss(actual)) for (expected, _low, _high), actual in pairs]
    off = median((actual - expected) / abs(expected) for expected, actual in losses if expected) if losses else 0.0
    if abs(off) < 0.05:
        return f"{held}."
    return f"You are {abs(off):.0%} too {'optimistic' if off > 0 else 'pessimistic'}; {held}."


def _line(trial: Trial, study: Study, ranks: dict[int, int]) -> str:
    """Return an idea with what was expected, what came, and what repair changed."""
    said = line_of(trial, study)
    metric = study.objectives[0].metric
    if trial.number in ranks:
        said += f", rank {ranks[trial.number]} of {len(ranks)}"
    if metric in trial.predicted:
        expected, low, high = trial.predicted[metric]
        said += f"; you expected {expected:.5g} ({low:.5g} to {high:.5g})"
    if trial.changes:
        said += f"; changed before it ran: {', '.join(str(each['parameter']) for each in trial.changes[:4])}"
    return clip(said)


def _ranks(history: History) -> dict[int, int]:
    complete = [trial for trial in history.trials if trial.state == "complete"]
    ordered = sorted(complete, key=lambda trial: (history.losses(trial), trial.number))
    return {trial.number: rank for rank, trial in enumerate(ordered, 1)}
