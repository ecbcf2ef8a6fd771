"""How an answer ended, by its true name: whole, cut off by the output limit, refused, filtered, broken, or empty.

Providers use different words for the same end; `_REASONS` maps them.
"""

from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import AIMessage

EndingCode = Literal["length", "refusal", "content_filter", "invalid_tool_call", "empty"]

_REASONS: dict[str, EndingCode] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "malformed_function_call": "invalid_tool_call",
}
_RAISE = ": raise model.max_output_tokens"
_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


@dataclass(frozen=True)
class Cut:
    """What kept an answer from being whole, and a line about it that names the setting to change where one helps."""

    code: EndingCode
    message: str


def finish_reason(message: AIMessage) -> str:
    """Return why the endpoint stopped, in its own words ('' where it does not say)."""
    found = next((message.response_metadata[key] for key in _KEYS if message.response_metadata.get(key)), "")
    return str(found)[:60]


def ending_of(message: AIMessage, limit: int) -> Cut | None:
    """Return what is wrong with how an answer ended, None when it is whole. `limit` is the output limit that it had."""
    code = _REASONS.get(finish_reason(message).lower())
    refused = message.additional_kwargs.get("refusal")
    if refused or code == "refusal":
        return Cut("refusal", f"the model refused: {' '.join(str(refused or message.text).split())[:160]}")
    if code == "content_filter":
        return Cut(code, f"the endpoint's content filter stopped the answer ({finish_reason(message)})")
    if code == "length":
        return Cut(
            code, f"cut off at the output limit of {limit} tokens, reasoning included{_nothing(message)}{_RAISE}"
        )
    if message.invalid_tool_calls and not message.tool_calls:
        broken = message.invalid_tool_calls[0]
        about = f"the arguments of its call of {str(broken['name'])[:60]!r} are not JSON"
        return Cut("invalid_tool_call", f"{about}; where they are cut off{_RAISE}")
    if not message.tool_calls and not str(message.text).strip():
        return Cut("empty", f"the answer was empty (it ended with {finish_reason(message) or 'no reason'})")
    return None


def _nothing(message: AIMessage) -> str:
    usage = message.usage_metadata
    spent = usage.get("output_token_details", {}).get("reasoning") if usage is not None else None
    reasoning = f" ({spent} of them reasoning)" if spent else ""
    if message.invalid_tool_calls:
        return f"{reasoning} in the middle of a call of {str(message.invalid_tool_calls[0]['name'])[:60]!r}"
    return reasoning if str(message.text).strip() else f"{reasoning} before anything was answered"
