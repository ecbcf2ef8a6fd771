"""Stored conversations: every entry is written when it ends, so a kill loses at most the answer that was arriving."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from ..memory.store import Store

Role = Literal["user", "assistant", "tool", "notice", "command", "error"]
_TITLES = {"user": "You", "assistant": "trimtab", "notice": "Note", "command": "Answer", "error": "Error"}


@dataclass(frozen=True)
class Entry:
    """One entry: who spoke, and what; tools carry name, arguments and outcome in `data`."""

    role: Role
    text: str
    data: dict[str, Any]
    time: float


class Transcript:
    """One conversation in the store."""

    def __init__(self, store: Store, key: str | None = None) -> None:
        """Begin a conversation, or take up the one of this key.

        Raises:
            InputError: there is none of this key.
        """
        self.store = store
        self.key = store.find_chat(key) if key is not None else store.create_chat()

    @classmethod
    def latest(cls, store: Store) -> "Transcript | None":
        """Return the conversation that was used last, None when there is none."""
        keys = store.chats()
        return cls(store, keys[0]["key"]) if keys else None

    def add(self, role: Role, text: str, **data: Any) -> None:
        """Write an entry."""
        self.store.add_chat_entry(self.key, role, text, json.dumps(data))

    def set_study(self, study_key: str, mode: str) -> None:
        """Remember which study the conversation is about, and how proposals are approved."""
        self.store.update_chat(self.key, study_key, mode)

    @property
    def study_key(self) -> str | None:
        """The key of the study, None before there was one."""
        found: str | None = self.store.chat(self.key)["study"]
        return found

    def entries(self) -> list[Entry]:
        """Return all entries in order."""
        return [
            Entry(row["role"], row["text"], json.loads(row["data"]), row["time"])
            for row in self.store.chat_entries(self.key)
        ]

    def as_markdown(self) -> str:
        """Return the conversation as Markdown, ending with the command that repeats its study."""
        lines = [f"# Conversation {self.key}", ""]
        for entry in self.entries():
            if entry.role == "tool":
                arguments = json.dumps(entry.data.get("arguments", {}))
                lines += [
                    f"> `{entry.data.get('name')}({arguments})`: {entry.text.splitlines()[0] if entry.text else ''}",
                    "",
                ]
            else:
                lines += [f"**{_TITLES[entry.role]}**", "", entry.text, ""]
        if self.study_key:
            lines += ["---", "", f"Its study is `{self.study_key}`: `trimtab show {self.study_key}`."]
        return "\n".join(lines) + "\n"
