"""Puts the pieces of a streamed answer together, in time linear in their length.

Text goes on word by word, so that a key that arrives in pieces is seen whole; calls of tools go on at the end.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from ..safe_text import LONGEST_TEXT, safe
from .messages import tamed

_LONGEST_WORD = 400


@dataclass
class _Call:
    name: str = ""
    id: str = ""
    args: list[str] = field(default_factory=list)


@dataclass
class Assembly:
    """The answer so far."""

    length: int = 0
    _text: list[str] = field(default_factory=list)
    _held: str = ""
    _calls: dict[Any, _Call] = field(default_factory=dict)
    _usage: Any = None
    _facts: dict[str, Any] = field(default_factory=dict)
    _refusal: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether more has arrived than an answer may have."""
        return self.length > LONGEST_TEXT

    def take(self, piece: AIMessageChunk, info: dict[str, Any]) -> str:
        """Take in a piece; return the text that may be shown now."""
        for chunk in piece.tool_call_chunks:
            call = self._calls.setdefault(chunk.get("index"), _Call())
            call.name += chunk.get("name") or ""
            call.id = call.id or chunk.get("id") or ""
            call.args.append(chunk.get("args") or "")
            self.length += len(call.args[-1])
        self._usage = piece.usage_metadata or self._usage
        self._facts |= {name: value for name, value in {**piece.response_metadata, **info}.items() if value}
        self._refusal.append(str(piece.additional_kwargs.get("refusal") or ""))
        text = str(piece.text)
        self.length += len(text)
        self._held += text
        end = max(self._held.rfind(" "), self._held.rfind("\n")) + 1
        return self._release(end if end or len(self._held) < _LONGEST_WORD else len(self._held))

    def rest(self) -> str:
        """Return the text that was held back."""
        return self._release(len(self._held))

    def message(self) -> AIMessage:
        """Return the whole answer, made safe. Calls whose arguments are no JSON object are invalid ones."""
        message = AIMessage(
            content="".join(self._text) + self._held,
            additional_kwargs={"refusal": "".join(self._refusal)},
            usage_metadata=None,
            response_metadata=self._facts,
        )
        for call in self._calls.values():
            raw = "".join(call.args)
            try:
                arguments = json.loads(raw, strict=False) if raw.strip() else {}
            except (ValueError, RecursionError):
                arguments = None
            if isinstance(arguments, dict):
                message.tool_calls.append({"name": call.name, "args": arguments, "id": call.id, "type": "tool_call"})
            else:
                broken: Any = {
                    "name": call.name,
                    "args": raw,
                    "id": call.id,
                    "error": None,
                    "type": "invalid_tool_call",
                }
                message.invalid_tool_calls.append(broken)
        message.usage_metadata = self._usage
        return tamed(message)

    def _release(self, end: int) -> str:
        shown, self._held = safe(self._held[:end]), self._held[end:]
        self._text.append(shown)
        return shown
