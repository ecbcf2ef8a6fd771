"""Messages on their way to and from a model: as plain data for recordings, and made safe where they come in."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, messages_from_dict, messages_to_dict
from langchain_core.outputs import ChatResult

from ..safe_text import safe, safe_data
from .endings import finish_reason
from .failures import Failure, FailureKind

_MOST_CALLS, _LONGEST_BROKEN = 64, 2000


def describe_request(label: str, messages: Sequence[BaseMessage], settings: dict[str, Any]) -> dict[str, Any]:
    """Return a request as plain data, without what differs from run to run (message ids)."""
    plain = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.type, "content": message.content}
        if isinstance(message, AIMessage) and message.tool_calls:
            entry["tool_calls"] = [{"name": call["name"], "args": call["args"]} for call in message.tool_calls]
        plain.append(entry)
    return {
        "model": label,
        "messages": plain,
        "settings": json.loads(json.dumps(settings, sort_keys=True, default=str)),
    }


def message_of(result: ChatResult) -> AIMessage:
    """Return a model's answer, made safe.

    Raises:
        ValueError: it holds no message of an assistant.
    """
    if not result.generations or not isinstance(result.generations[0].message, AIMessage):
        raise ValueError("it answered without a message")
    found = result.generations[0]
    message = found.message
    assert isinstance(message, AIMessage)
    message.response_metadata = {
        **(result.llm_output or {}),
        **(found.generation_info or {}),
        **message.response_metadata,
    }
    return tamed(message)


def tamed(message: AIMessage) -> AIMessage:
    """Return a message with its texts, calls and usage made safe, and of what providers add only what is used here."""
    refusal = message.additional_kwargs.get("refusal")
    kept = {
        key: value for key, value in message.additional_kwargs.items() if key.startswith("__")
    }  # thought signatures
    return AIMessage(
        content=safe(str(message.text)),
        additional_kwargs=kept | ({"refusal": safe(str(refusal), 1000)} if refusal else {}),
        tool_calls=[
            {
                **call,
                "name": safe(call["name"], 100),
                "args": safe_data(call["args"]),
                "id": safe(call["id"] or "", 100),
            }
            for call in message.tool_calls[:_MOST_CALLS]
        ],
        invalid_tool_calls=[
            {
                **call,
                "name": safe(call["name"] or "", 100),
                "args": safe(call["args"] or "", _LONGEST_BROKEN),
                "error": None,
            }
            for call in message.invalid_tool_calls[:_MOST_CALLS]
        ],
        usage_metadata=_whole_numbers(message.usage_metadata),
        response_metadata={"finish_reason": safe(finish_reason(message), 60)},
    )


def _whole_numbers(usage: Any) -> Any:  # LangChain's UsageMetadata, whatever an endpoint put into it
    """Return the usage that an endpoint reports where it is whole numbers, true or not."""
    names = ("input_tokens", "output_tokens")
    if not isinstance(usage, dict) or not all(type(usage.get(name)) is int for name in names):
        return None
    details = usage.get("output_token_details")
    reasoning = details.get("reasoning") if isinstance(details, dict) else None
    used = {name: usage[name] for name in names}
    more = {"output_token_details": {"reasoning": reasoning}} if type(reasoning) is int else {}
    return {**used, "total_tokens": sum(used.values()), **more}


def recorded(message: AIMessage) -> dict[str, Any]:
    """Return an answer as a recording keeps it."""
    return messages_to_dict([message])[0]


def replayed(line: dict[str, Any] | None) -> AIMessage | Failure:
    """Return what a line of a recording answers; a failure where there is none."""
    if line is None:
        return Failure("unreachable", "the recording holds no answer to this request")
    if "failure" in line:
        failed = line["failure"]
        kind: FailureKind = failed["kind"]
        return Failure(kind, failed["message"], failed["after"], failed.get("parameter", ""))
    message = messages_from_dict([line["response"]])[0]
    return message if isinstance(message, AIMessage) else Failure("invalid_response", "not an assistant's message")


def in_words(message: AIMessage) -> str:
    """Return the text of an answer, with its tool calls in words."""
    calls = [f"{call['name']}({json.dumps(call['args'], default=str)})" for call in message.tool_calls]
    broken = [f"{call['name']}({call['args']}" for call in message.invalid_tool_calls]
    return "\n".join([str(message.text), *calls, *broken]).strip()


def as_chunk(message: AIMessage, *, text: bool = True) -> AIMessageChunk:
    """Return a whole message as one piece of a stream; without its text where that went ahead.

    Calls that cannot be read come along as they are, so that whoever reads the stream can answer them.
    """
    calls = [(call["name"], json.dumps(call["args"]), call["id"]) for call in message.tool_calls]
    calls += [(call["name"] or "", call["args"] or "", call["id"]) for call in message.invalid_tool_calls]
    pieces: list[Any] = [
        {"name": name, "args": args, "id": known, "index": index, "type": "tool_call_chunk"}
        for index, (name, args, known) in enumerate(calls)
    ]
    return AIMessageChunk(
        content=message.content if text else "",
        tool_call_chunks=pieces,
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
    )
