"""Where a study stands, in a line or two: the default against the incumbent, proven or not, and what comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..events import CheckResult, StudyFinished
from ..study.goals import Objective
from ..study.sections import Study
from ..trials.history import History
from . import words
from .live.remaining import PHASES

Tone = Literal["plain", "good", "bad", "quiet"]
Piece = tuple[str, Tone]
_SHOWN = {"ablation": "what mattered"}
"""Phases that people read by another name."""
_ALWAYS = ("search", "check")
"""Phases that were there, once they are over; the others may not have been."""


@dataclass(frozen=True)
class Standing:
    """Default and incumbent as the search measured them, and the checks once there are any."""

    study: Study
    default: Mapping[str, float]
    best: Mapping[str, float]
    trial: int | None = None
    trials: int = 0
    noise: float | None = None
    checks: Sequence[CheckResult] = ()
    over: bool = False


def standing(study: Study, history: History | None, report: StudyFinished | None) -> Standing:
    """Return where a study stands, by its trials and its result."""
    if history is None:
        return Standing(study, {}, {})
    best, default = history.incumbent, history.default
    return Standing(
        study,
        default.metrics if default is not None else {},
        best.metrics if best is not None else {},
        best.number if best is not None else None,
        len(history.finished),
        history.noise.absolute,
        report.checks if report is not None else (),
        report is not None,
    )


def headline(now: Standing) -> list[Piece]:
    """Return the default against the incumbent, objective by objective."""
    if not now.best:
        word = "the default is measured first" if not now.default and not now.trials else "nothing was complete yet"
        return [(word, "quiet")]
    pieces: list[Piece] = []
    for each in now.study.objectives:
        pieces += [("   ", "plain")] if pieces else []
        pieces += _objective(each, now.default.get(each.metric), now.best.get(each.metric))
    return pieces


def _objective(objective: Objective, before: float | None, after: float | None) -> list[Piece]:
    told: list[Piece] = [(f"{objective.metric}  ", "quiet")]
    if before is None or after is None or before == after:
        return [*told, (words.number(after, objective.unit), "plain")]
    better = objective.loss(after) < objective.loss(before)
    tone: Tone = "good" if better else "bad"
    told += [(f"{words.number(before)} → ", "quiet"), (words.number(after, objective.unit), tone)]
    gain = objective.gain(before, after) if objective.aim is None else None
    if gain is None or gain <= 0:
        return [*told, ("  better" if better else "  worse", tone)]
    return [*told, (f"  {gain:.3g}x better" if better else f"  {1 / gain:.3g}x worse", tone)]


def proof(now: Standing) -> list[Piece]:
    """Return whether the gain is proven, in a few words; nothing before there is one."""
    if not now.best or now.best == now.default:
        return []
    if not now.checks:
        return [("not checked" if now.over else "not checked yet", "quiet")]
    check = now.checks[0]
    if not check.improved:
        return [("not proven", "bad")]
    if check.ratio is None or check.low is None or check.high is None:
        return [("proven", "good")]
    return [(f"proven {check.ratio:.3g}x ({check.low:.3g} to {check.high:.3g})", "good")]


def progress(now: Standing) -> str:
    """Return how far the search is, when it gained last, and how noisy an evaluation is."""
    if not now.trials:
        return f"{now.study.budget.trials} trials to come"
    parts = [f"{now.trials} of {now.study.budget.trials} trials"]
    if now.trial is not None:
        since = now.trials - 1 - now.trial
        parts.append(f"best is trial {now.trial}" + (f", {since} without a gain" if since > 0 else ""))
    base = now.default.get(now.study.objectives[0].metric)
    if now.noise and base:
        parts.append(f"noise ±{100 * now.noise / abs(base):.2g} %")
    return " · ".join(parts)


def rail(phases: Mapping[str, float], now: Standing, done: tuple[int, int] | None = None) -> list[Piece]:
    """Return the phases of a run: what is over, what goes on with its progress, and the time in each that comes.

    `phases` are the seconds that each still takes, the present one first; `done` counts the present one.
    """
    if now.over:
        return [("✓ done", "good")]
    present = next(iter(phases), "search")
    pieces: list[Piece] = []
    for name in PHASES:
        shown = _SHOWN.get(name, name)
        left = f" ~{words.seconds(phases[name])}" if phases.get(name) else ""
        if name == present:
            count = done or (now.trials, now.study.budget.trials)
            pieces.append((f"▶ {shown} {count[0]}/{count[1]}{left}", "plain"))
        elif name in phases:
            pieces.append((f"{shown}{left}", "quiet"))
        elif name in _ALWAYS and PHASES.index(name) < PHASES.index(present):
            pieces.append((f"✓ {shown}", "good"))
        else:
            continue
        pieces.append(("  ", "plain"))
    return pieces[:-1]
