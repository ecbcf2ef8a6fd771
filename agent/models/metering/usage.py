"""What a call used: the endpoint's figures where they can be true, else our own estimate, and why.

An endpoint's figures decide about money and about when a study ends, so they are checked: whole, positive, and no
more than the request and the answer can have had.
"""

import json
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from ..endpoint.failures import Failure

_CHARACTERS_A_TOKEN = 4
_HIDDEN_INPUT = 50_000
"""Tokens that a provider may add to a request: its own system prompt, the form of the tools."""
_HIDDEN_OUTPUT = 4.0
"""How many times the output limit an endpoint may have used: some do not count reasoning against it."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; `doubt` says why the endpoint's own figures were not taken ('' where they were)."""

    input: int
    output: int
    doubt: str = ""


def estimated_input(request: dict[str, Any]) -> int:
    """Return about how many tokens a request is: its messages, and the schemas that go with them."""
    sent = len(json.dumps(request["messages"])) + len(json.dumps(request.get("settings", {})))
    return sent // _CHARACTERS_A_TOKEN


def usage_of(answer: AIMessage | Failure, request: dict[str, Any], text: str, limit: int) -> Usage:
    """Return what a call used. `text` is its answer in words, `limit` the output limit it was given.

    A failed call costs nothing, but for one that we gave up: its input was sent.
    """
    sent = estimated_input(request)
    if isinstance(answer, Failure):
        return Usage(sent if answer.kind in {"cancelled", "timeout"} else 0, 0)
    mine = Usage(sent, len(text) // _CHARACTERS_A_TOKEN + 1)
    if answer.usage_metadata is None:
        return Usage(mine.input, mine.output, "the endpoint reports no usage: estimated")
    given_in, given_out = answer.usage_metadata.get("input_tokens"), answer.usage_metadata.get("output_tokens")
    most_in = len(json.dumps(request)) + _HIDDEN_INPUT
    most_out = int(_HIDDEN_OUTPUT * limit) + len(text)
    used_in, used_out = _believed(given_in, 1, most_in), _believed(given_out, 1 if text else 0, most_out)
    doubt = "; ".join(
        f"{name} tokens reported as {str(given)[:30]}: estimated"
        for name, given, used in (("input", given_in, used_in), ("output", given_out, used_out))
        if used is None
    )
    return Usage(mine.input if used_in is None else used_in, mine.output if used_out is None else used_out, doubt)


def _believed(given: object, least: int, most: int) -> int | None:
    whole = isinstance(given, int) and not isinstance(given, bool)
    return given if whole and least <= given <= most else None  # type: ignore[operator,return-value]  # an int
