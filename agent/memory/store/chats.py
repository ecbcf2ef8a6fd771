"""The conversations of the store, entry by entry."""

import time
from typing import Any

from sqlalchemy import func, insert, select, update

from ....tools.errors import InputError
from .schema import CHAT_ENTRIES, CHATS
from .subject import Subject


class Chats(Subject):
    """Conversations in the store."""

    def create_chat(self) -> str:
        """Begin a conversation and return its key: chat-1, chat-2, ..."""
        with self._database.alone() as connection:
            count = connection.execute(select(func.max(CHATS.c.id))).scalar() or 0
            key = f"chat-{count + 1}"
            connection.execute(insert(CHATS), {"key": key, "created": time.time()})
        return key

    def chats(self) -> list[dict[str, Any]]:
        """Return the conversations, the one that was used last first."""
        spoken = select(CHAT_ENTRIES.c.chat, func.max(CHAT_ENTRIES.c.time).label("time")).group_by(CHAT_ENTRIES.c.chat)
        last = spoken.subquery()
        used = func.coalesce(last.c.time, CHATS.c.created)
        query = select(CHATS).outerjoin(last, last.c.chat == CHATS.c.key).order_by(used.desc(), CHATS.c.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query)
            return [dict(row) for row in rows.mappings()]

    def find_chat(self, key: str) -> str:
        """Return the key of a conversation given as 'chat-3' or '3'.

        Raises:
            InputError: there is none.
        """
        wanted = key if key.startswith("chat-") else f"chat-{key}"
        keys = [str(each["key"]) for each in self.chats()]
        if wanted not in keys:
            raise InputError(f"no conversation {key!r} in the store", f"it has: {', '.join(keys[:10]) or 'none'}")
        return wanted

    def chat(self, key: str) -> dict[str, Any]:
        """Return a conversation."""
        with self._database.reading() as connection:
            return dict(connection.execute(select(CHATS).where(CHATS.c.key == key)).mappings().one())

    def update_chat(self, key: str, study: str, mode: str) -> None:
        """Remember a conversation's study and mode."""
        with self._database.writing() as connection:
            connection.execute(update(CHATS).where(CHATS.c.key == key).values(study=study, mode=mode))

    def add_chat_entry(self, key: str, role: str, text: str, data: str) -> None:
        """Record an entry of a conversation; `data` is JSON."""
        row = {"chat": key, "role": role, "text": text, "data": data, "time": time.time()}
        with self._database.writing() as connection:
            connection.execute(insert(CHAT_ENTRIES), row)

    def chat_entries(self, key: str) -> list[dict[str, Any]]:
        """Return a conversation's entries in order."""
        query = select(CHAT_ENTRIES).where(CHAT_ENTRIES.c.chat == key).order_by(CHAT_ENTRIES.c.id)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
