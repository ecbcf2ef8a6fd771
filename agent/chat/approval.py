"""The modes of a conversation as approval rules, and what waits for a person. Knows no tool and no screen."""

from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..run.proposals.ruling import Use
from ..study.approval import PROPOSE, Policy, Rule
from ..study.space import Configuration
from ..trials.proposal import Accepted

T = TypeVar("T")

Mode = Literal["ask", "edits", "auto"]
MODES: tuple[Mode, ...] = ("ask", "edits", "auto")

LOOKING = tuple(
    Rule(tool=name, decide="allow")
    for name in (
        *("study_state", "best_trial", "explain_trial", "compare_trials", "wait_for_study"),
        *("history", "analyse", "optimizer_state", "recall", "consult"),
    )
)
HOLDING_BACK = (
    Rule(tool="pause_study", decide="allow"),
    Rule(tool="stop_study", decide="allow"),
    Rule(tool="tell_planner", decide="allow"),
)
PRESETS: dict[Mode, Policy] = {
    "ask": (*LOOKING, *HOLDING_BACK, Rule(tool="*", decide="ask")),
    "edits": (Rule(tool="edit*", decide="ask"), Rule(tool="*", decide="allow")),
    "auto": (Rule(tool="*", decide="allow"),),
}
"""What the modes of a conversation mean: `ask` asks about all that spends or changes something, `edits` about new edits
of the program. The rules of a study hold beside them: the stricter decision stands."""


_CONFIGURATION = Use(PROPOSE)


@dataclass(frozen=True)
class Approval:
    """An idea that waits for a person, and what it would do: the answer is a configuration, or why it is refused."""

    accepted: Accepted
    answer: "Future[Configuration | str]"
    use: Use = _CONFIGURATION


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
