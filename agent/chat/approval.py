"""Who may do what, as data: rules over the names of tools; the first that matches decides, and the end is a refusal.

The planner's proposals are judged like a tool named `propose`. Knows no tool and no screen.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

from ..study.space import Configuration
from ..trials.proposal import Accepted

T = TypeVar("T")

Decision = Literal["allow", "ask", "refuse"]
Mode = Literal["ask", "edits", "auto"]
MODES: tuple[Mode, ...] = ("ask", "edits", "auto")
PROPOSE = "propose"


@dataclass(frozen=True)
class Rule:
    """What happens to calls of the tools whose name matches a glob; `reason` is told where it refuses."""

    tools: str
    decision: Decision
    reason: str = ""


Policy = Sequence[Rule]
NO_RULE = Rule("*", "refuse", "no rule allows it")

LOOKING = tuple(
    Rule(name, "allow")
    for name in (
        *("study_state", "best_trial", "explain_trial", "compare_trials", "wait_for_study"),
        *("history", "analyse", "optimizer_state", "recall", "consult"),
    )
)
HOLDING_BACK = (Rule("pause_study", "allow"), Rule("stop_study", "allow"), Rule("tell_planner", "allow"))
PRESETS: dict[Mode, Policy] = {
    "ask": (*LOOKING, *HOLDING_BACK, Rule("*", "ask")),
    "edits": (Rule("edit*", "ask"), Rule("*", "allow")),
    "auto": (Rule("*", "allow"),),
}
"""What the modes of a conversation mean: `ask` asks about all that spends or changes something, `edits` about code."""


def decide(policy: Policy, tool: str) -> Rule:
    """Return the first rule that matches a tool's name; a refusal where none does."""
    return next((rule for rule in policy if fnmatchcase(tool, rule.tools)), NO_RULE)


@dataclass(frozen=True)
class Approval:
    """An idea that waits for a person: the answer is a configuration, or the reason of a refusal."""

    accepted: Accepted
    answer: "Future[Configuration | str]"


@dataclass(frozen=True)
class Request:
    """A tool that a model wants to use: the answer is '' to allow it, or the reason of a refusal."""

    tool: str
    arguments: Mapping[str, Any]
    answer: "Future[str]"


def resolve(answer: "Future[T]", value: T) -> bool:
    """Give a person's answer; return whether anybody still waited for it."""
    try:
        answer.set_result(value)
    except InvalidStateError:
        return False
    return True
