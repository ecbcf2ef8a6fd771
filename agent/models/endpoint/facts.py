"""What is known of an endpoint: what it can do, and which settings of a request it refuses. Learnt by use, no probing.

A refused setting is left out from then on. What an error says is never taken for a capability.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ..settings import Capability
from .failures import Failure

LIMIT_NAMES = ("max_completion_tokens", "max_tokens")
"""How endpoints call the output limit: the newer name first."""

_MENTIONS: dict[str, re.Pattern[str]] = {
    "temperature": re.compile(r"temperature"),
    "response_format": re.compile(r"response[_ ]?format|json[_ ]?schema|structured output|json mode|guided"),
    "tool_choice": re.compile(r"tool[_ ]?choice"),
    "parallel_tool_calls": re.compile(r"parallel[_ ]?tool"),
    "stream_options": re.compile(r"stream[_ ]?options|include_usage"),
    "max_completion_tokens": re.compile(r"max_completion_tokens|max[_ ]?(output[_ ]?)?tokens"),
    "max_tokens": re.compile(r"max_completion_tokens|max[_ ]?(output[_ ]?)?tokens"),
    "tools": re.compile(r"\btools?\b|function[_ ]call|functions?\b"),
}
_TOO_MUCH = re.compile(r"too (large|long|high|many|big)|at most|maximum|exceed|less than|context (length|window|size)")
_SAYS_SO = re.compile(r"support|enable|implement|unrecogni[sz]ed|unknown|not (allowed|permitted|available)")


@dataclass
class Facts:
    """What is known of one endpoint. `capability` is what it has shown, None while it has shown nothing.

    `changed` is told when something was learnt, so that it can be kept for the next run.
    """

    capability: Capability | None = None
    refused: set[str] = field(default_factory=set)
    changed: Callable[["Facts"], None] = lambda _facts: None

    def show(self, capability: Capability) -> None:
        """Take in what an answer has shown."""
        if self.capability != capability:
            self.capability = capability
            self.changed(self)

    def refuse(self, setting: str, *, lasting: bool = True) -> None:
        """Leave a setting out from now on; for good when `lasting`, else while this is open."""
        if setting not in self.refused:
            self.refused.add(setting)
            if lasting:
                self.changed(self)

    @property
    def limit_name(self) -> str | None:
        """How this endpoint wants the output limit to be called; None when it wants none."""
        return next((name for name in LIMIT_NAMES if name not in self.refused), None)


def refused_setting(failure: Failure, sent: Collection[str]) -> str | None:
    """Return which of the settings that were sent an endpoint refuses, None when its error is about something else."""
    text = failure.message.lower()
    if failure.kind != "bad_request" and not (failure.kind == "server_error" and _SAYS_SO.search(text)):
        return None
    said = failure.parameter.lower().split(".")[0].split("[")[0]
    if said in sent:
        return said
    return next((name for name, mention in _MENTIONS.items() if name in sent and mention.search(text)), None)


def says_so(failure: Failure) -> bool:
    """Whether an endpoint says in so many words that it lacks something, so that this may be remembered."""
    return bool(_SAYS_SO.search(failure.message.lower()))


def wants_less(failure: Failure) -> bool:
    """Whether an endpoint refuses a request because it, with the room for its answer, is too long."""
    text = failure.message.lower()
    return failure.kind == "bad_request" and "token" in text and bool(_TOO_MUCH.search(text))
