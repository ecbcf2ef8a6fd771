"""Whether a proposal may be measured: approval rules or a person decide, before the gate gives it a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...study.approval import EDIT, PROPOSE, decide
from ...study.space import Configuration
from ...trials.branches import branch_of
from ...trials.candidate import branch
from ...trials.history import History

Judged = Literal["propose", "edit"]


@dataclass(frozen=True)
class Use:
    """What a proposal would do, as rules judge it; `changed` are the lines of an edit by file."""

    tool: Judged
    changed: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Ruling:
    """Who decided what, and why. `configuration` is what a person approved, edited perhaps; None where a rule did."""

    allowed: bool
    by: Literal["rule", "person"]
    reason: str
    configuration: Configuration | None = None


def use_of(patch: str | None, history: History) -> Use:
    """Return what a proposal with this patch would do: an edit is judged once, with all that it changes.

    Raises:
        EditError: the patch cannot be made.
    """
    project = history.study.project
    if patch is None or project is None or branch(patch) in {branch_of(trial) for trial in history.trials}:
        return Use(PROPOSE)
    return Use(EDIT, project.changed(patch))


def alone(history: History, use: Use) -> Ruling:
    """Return what the study's rules say where no person is there to be asked."""
    rule = decide(history.study.approval.rules, use.tool, use.changed)
    nobody = " (nobody is here to be asked)" if rule.decide == "ask" else ""
    return Ruling(rule.decide == "allow", "rule", f"{rule.words}{nobody}")
