"""A conversation as messages that endpoints accept, whenever it was interrupted and however it was stored.

OpenAI's and Anthropic's rules: every tool call is answered right after it, a person speaks first, nobody speaks twice
in a row, nothing is empty. Knows no model.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from ...prompts import load_variant
from ...tools.registry import LONGEST_RESULT
from ..trials.lines import clip
from .transcript import Entry

INTERRUPTED = "interrupted by the person"
LONGEST = 160_000
"""Characters of a conversation that a model gets; what is older is left out."""
_MOST_NEWS = 30


def news(lines: Sequence[str]) -> str:
    """Return what happened outside the conversation, for the model; the latest of it."""
    left_out = len(lines) - _MOST_NEWS
    shown = [clip(" ".join(line.replace("<", "(").replace(">", ")").split())) for line in lines[-_MOST_NEWS:]]
    return load_variant("default").render("news.j2", lines=shown, left_out=max(0, left_out)).strip()


def answered(messages: Iterable[BaseMessage], why: str = INTERRUPTED) -> list[BaseMessage]:
    """Return messages in which every tool call has its answer right after it, and no answer is without its call."""
    found: list[BaseMessage] = []
    open_calls: dict[str, str] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            if open_calls.pop(message.tool_call_id, None) is not None:
                found.append(message)
            continue
        found += _closing(open_calls, why)
        open_calls = {}
        if isinstance(message, AIMessage):
            open_calls = {str(call["id"]): call["name"] for call in message.tool_calls}
        found.append(message)
    return found + _closing(open_calls, why)


def _closing(open_calls: dict[str, str], why: str) -> list[BaseMessage]:
    return [ToolMessage(why, tool_call_id=call, name=name, status="error") for call, name in open_calls.items()]


def acceptable(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation as an endpoint accepts it: see the rules above."""
    joined: list[BaseMessage] = []
    for message in answered(message for message in messages if not _is_empty(message)):
        before = joined[-1] if joined else None
        if isinstance(message, HumanMessage) and isinstance(before, HumanMessage):
            joined[-1] = HumanMessage(f"{before.text}\n\n{message.text}")
        elif isinstance(message, AIMessage) and isinstance(before, AIMessage):  # the first called nothing: see above
            text = "\n\n".join(part for part in (str(before.text), str(message.text)) if part)
            joined[-1] = message.model_copy(update={"content": text})
        elif isinstance(message, ToolMessage) and not str(message.text).strip():
            joined.append(message.model_copy(update={"content": "done"}))
        else:
            joined.append(message)
    return _newest(joined)


def _is_empty(message: BaseMessage) -> bool:
    called = isinstance(message, AIMessage) and bool(message.tool_calls)
    return not (called or isinstance(message, ToolMessage) or str(message.text).strip())


def _newest(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the end of a conversation, from a message of a person on, as much as a model is given."""
    size, start = 0, len(messages)
    for at in range(len(messages) - 1, -1, -1):
        size += _size(messages[at])
        if size > LONGEST and start < len(messages):
            break
        if isinstance(messages[at], HumanMessage):
            start = at
    return list(messages[start:])


def _size(message: BaseMessage) -> int:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return len(str(message.content)) + sum(len(json.dumps(call["args"], default=str)) for call in calls)


def complete(arrived: AIMessageChunk, count: int) -> tuple[AIMessage, frozenset[str]]:
    """Return a whole message with calls that can be answered, and the ids of those whose arguments cannot be read.

    Each call has an id of its own. One that is no JSON object, such as one that was cut off, is left without arguments:
    guessing them may act on a wrong number, and endpoints refuse to be shown their own mistakes.
    """
    given: list[tuple[str | None, str | None, dict[str, Any] | None]]
    if arrived.tool_call_chunks:
        given = [(call["name"], call["id"], _arguments(call["args"])) for call in arrived.tool_call_chunks]
    else:
        given = [(call["name"], call["id"], call["args"]) for call in arrived.tool_calls]
    calls: dict[str, Any] = {}
    unreadable = set()
    for at, (name, known, arguments) in enumerate(given):
        own = known if known and known not in calls else f"call_{count}_{at}"
        calls[own] = {"name": name or "unnamed", "args": arguments or {}, "id": own, "type": "tool_call"}
        if arguments is None:
            unreadable.add(own)
    text, ends = str(arrived.text), arrived.response_metadata
    return AIMessage(text, tool_calls=list(calls.values()), response_metadata=ends), frozenset(unreadable)


def _arguments(text: str | None) -> dict[str, Any] | None:
    """Return the arguments of a call, None when they are no JSON object; nothing at all means none."""
    try:
        found = json.loads(text) if text and text.strip() else {}
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def restored(entries: Iterable[Entry]) -> list[BaseMessage]:
    """Return a stored conversation as messages: what was said, and as news what the person did and saw besides."""
    found: list[BaseMessage] = []
    for number, entry in enumerate(entries):
        match entry.role:
            case "user" if not entry.text.startswith("/"):
                found.append(HumanMessage("\n\n".join([entry.text, *entry.data.get("attached", [])])))
            case "assistant":
                found.append(AIMessage(entry.text))
            case "tool":
                call = {"name": str(entry.data["name"]), "args": entry.data["arguments"], "id": f"stored_{number}"}
                found.append(AIMessage("", tool_calls=[{**call, "type": "tool_call"}]))
                found.append(ToolMessage(entry.text[:LONGEST_RESULT], tool_call_id=call["id"], name=call["name"]))
            case "user":
                found.append(HumanMessage(news([f"the person typed {entry.text}"])))
            case _:
                found.append(HumanMessage(news([f"the person was told: {entry.text}"])))
    return found
