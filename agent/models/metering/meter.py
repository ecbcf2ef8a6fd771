"""What calls of a model are measured against: budget, breaker, recording, and the tokens of a thought."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ....tools.errors import TrimtabError
from ...budget import MODEL_RESOURCES, Ledger, Resource
from ..endpoint.facts import Facts
from ..endpoint.failures import Failure
from ..recording import Recording, RecordingReader, RecordingWriter
from ..safe_text import redact
from .breaker import Breaker
from .prices import Price
from .usage import Usage, estimated_input

_FEWEST = 256
"""An answer gets at least this many tokens of a thought's budget, or is not asked for."""


class ModelCallError(TrimtabError):
    """A call failed for good. `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"model call failed: {failure.message}")
        self.failure = failure


class ModelPausedError(TrimtabError):
    """The endpoint failed repeatedly and is left alone for a while."""


class ModelBudgetError(TrimtabError):
    """The model's share of the budget is spent."""


class ThoughtSpentError(TrimtabError):
    """The tokens of one thought are used up."""


@dataclass(frozen=True)
class CallRecord:
    """One attempted call, for the store and the events. `outcome` is 'ok' or the kind of failure."""

    model: str
    outcome: str
    attempt: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    latency_s: float
    message: str
    request: dict[str, Any]
    response: str

    @property
    def columns(self) -> dict[str, Any]:
        """The call as the store keeps it, without keys."""
        columns = {name: value for name, value in vars(self).items() if name != "message"}
        return columns | {"request": redact(json.dumps(self.request)), "response": redact(self.response)}

    @property
    def cost(self) -> dict[Resource, float]:
        """What the call has used of each resource."""
        used = (1, self.input_tokens, self.output_tokens, self.dollars or 0.0)
        return dict(zip(MODEL_RESOURCES, used, strict=True))

    @property
    def fields(self) -> dict[str, Any]:
        """The call as events show it, without keys."""
        fields = {name: value for name, value in vars(self).items() if name not in {"request", "response"}}
        return fields | {"message": redact(self.message)}


@dataclass
class Thought:
    """The tokens that all calls of one thought may use together, and what they have used."""

    tokens: int
    used: int = 0
    last_input: int = 0

    def room(self, request: dict[str, Any], wanted: int) -> int:
        """Return how many tokens the next answer may have, at most `wanted`.

        Raises:
            ThoughtSpentError: too few are left for the request and a useful answer.
        """
        left = self.tokens - self.used - max(estimated_input(request), self.last_input)
        if left < min(_FEWEST, wanted):
            raise ThoughtSpentError(
                f"the {self.tokens} tokens of a thought do not suffice for another call ({self.used} are used): "
                "raise model.thought_tokens"
            )
        return min(wanted, left)

    def use(self, usage: Usage) -> None:
        """Count a call. The next request holds this one's, so it will be no shorter."""
        self.used += usage.input + usage.output
        self.last_input = max(self.last_input, usage.input)


@dataclass
class Meter:
    """What calls are measured against, and who is told of each. `retries` are further attempts of a failed call;
    `backoff_s` is the wait before the first of them, doubled each time. `output_limit` is in tokens an answer.
    """

    label: str
    ledger: Ledger
    price: Price | None = None
    recording: Recording | None = None
    retries: int = 2
    timeout_s: float = 120.0
    backoff_s: float = 0.5
    output_limit: int = 8000
    temperature: float | None = None
    on_call: Callable[[CallRecord], None] = lambda _record: None
    on_notice: Callable[[str], None] = lambda _message: None
    breaker: Breaker = field(default_factory=Breaker)
    facts: Facts = field(default_factory=Facts)
    thought: Thought | None = None
    _said: set[str] = field(default_factory=set)

    @property
    def replays(self) -> bool:
        """Whether answers come from a recording; then there is no time, and no endpoint."""
        return isinstance(self.recording, RecordingReader)

    def allow(self, request: dict[str, Any], wanted: int) -> int:
        """Return how many tokens the answer may have, at most `wanted`, if a call may be made now.

        Raises:
            ModelBudgetError: a limit on calls, tokens or dollars is reached.
            ModelPausedError: the breaker is open.
            ThoughtSpentError: this thought has used its tokens.
        """
        for resource in MODEL_RESOURCES:
            if self.ledger.exhausted(resource):
                raise ModelBudgetError(f"the budget of {self.ledger.limits[resource]:g} {resource} is spent")
        room = wanted if self.thought is None else self.thought.room(request, wanted)
        paused = self.breaker.paused_s()
        if paused > 0 and not self.replays:  # a replay has no time; it was recorded below
            message = f"{self.label} keeps failing; it is asked again in {paused:.0f} s"
            self.keep(request, {"failure": {"kind": "paused", "message": message, "after": None}})
            raise ModelPausedError(message)
        return room

    def spend(self, usage: Usage) -> float | None:
        """Write a call into the ledger; return what it cost in dollars, None where no price is known."""
        dollars = None if self.price is None else self.price.dollars(usage.input, usage.output)
        for resource, amount in zip(MODEL_RESOURCES, (1, usage.input, usage.output, dollars or 0.0), strict=True):
            self.ledger.spend(resource, amount)
        if self.thought is not None:
            self.thought.use(usage)
        return dollars

    def keep(self, request: dict[str, Any], outcome: dict[str, Any]) -> None:
        """Write a call to the recording, if there is one."""
        if isinstance(self.recording, RecordingWriter):
            self.recording.call(request, outcome)

    def say(self, message: str) -> None:
        """Tell something about the endpoint, once."""
        if message not in self._said:
            self._said.add(message)
            self.on_notice(message)
