"""LangChain's model for OpenAI-compatible endpoints, tolerant of what such endpoints really send."""

import json
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI

_MOST_CALLS = 64
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class OpenAIChat(ChatOpenAI):
    """Takes calls whose arguments are no JSON object as invalid ones, and odd figures of usage as none, instead of
    failing after the answer was paid for."""

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        plain = response if isinstance(response, dict) else _plain(response)
        if isinstance(plain, dict) and not plain.get("error") and not _choices(plain):
            raise ValueError("it answered without choices")
        if not isinstance(plain, dict) or plain.get("error"):
            return super()._create_chat_result(plain, generation_info)
        first = _choices(plain)[0]
        odd = _take_odd_calls(first["message"])
        usage = plain.get("usage")
        only = {**plain, "choices": [first], "usage": usage if _counts(usage) else None}
        result = super()._create_chat_result(only, generation_info)
        message = result.generations[0].message
        if isinstance(message, AIMessage):
            message.invalid_tool_calls += odd
            message.additional_kwargs["refusal"] = first["message"].get("refusal")
        return result


def _plain(response: Any) -> Any:
    dump = getattr(response, "model_dump", None)
    return response if dump is None else dump(warnings=False)


def _choices(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the choices that hold a message."""
    choices = plain.get("choices")
    given = choices if isinstance(choices, list) else []
    return [each for each in given if isinstance(each, dict) and isinstance(each.get("message"), dict)]


def _counts(usage: Any) -> bool:
    return isinstance(usage, dict) and all(usage.get(name) is None or type(usage[name]) is int for name in _COUNTS)


def _take_odd_calls(message: dict[str, Any]) -> list[Any]:
    """Take calls that LangChain would stumble over out of a message, and return them as invalid ones."""
    calls = message.get("tool_calls")
    good: list[Any] = []
    odd: list[Any] = []
    for call in calls[:_MOST_CALLS] if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str) and _is_object(function):
            good.append({**call, "id": str(call.get("id") or f"call_{len(good)}")})
        elif isinstance(function, dict):
            about = {"name": str(function.get("name") or ""), "id": str(call.get("id") or "")}
            raw = function.get("arguments")
            text = raw if isinstance(raw, str) else json.dumps(raw)
            odd.append({**about, "args": text, "error": None, "type": "invalid_tool_call"})
    message["tool_calls"] = good or None
    if not isinstance(message.get("content"), str | list | None):
        message["content"] = str(message["content"])
    message["role"] = "assistant"
    return odd


def _is_object(function: dict[str, Any]) -> bool:
    """Whether a call's arguments are a JSON object; some endpoints send the object itself instead of its text."""
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        function["arguments"] = json.dumps(arguments)
        return True
    if not arguments:
        return True
    try:
        return isinstance(json.loads(arguments, strict=False), dict)
    except (TypeError, ValueError, RecursionError):
        return False
