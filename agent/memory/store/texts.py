"""The words of studies and lessons, indexed: SQLite's FTS5, or PostgreSQL's text search."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

from ....tools.errors import InputError
from .subject import Subject

Kind = Literal["study", "lesson"]

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 20_000


@dataclass(frozen=True)
class Hit:
    """Something whose words match: a study or a lesson by its number, and which of the words that were asked for."""

    kind: Kind
    number: int
    words: tuple[str, ...]


class Texts(Subject):
    """The searchable words in the store."""

    def find_text(self, wanted: str, limit: int = 10) -> list[Hit]:
        """Return what has any of the words in a text, what has most of them (and the rarer ones) first.

        Raises:
            InputError: the database cannot search text.
        """
        words = list(dict.fromkeys(each.lower() for each in _WORD.findall(wanted)))
        if not words:
            return []
        dialect = self._database.dialect
        if dialect not in _FIND:
            raise InputError(f"a store on {dialect} has no text search", "SQLite and PostgreSQL have")
        with self._database.reading() as connection:
            rows = connection.execute(text(_FIND[dialect]), _asked(dialect, words, limit)).all()
        return [Hit(row.kind, int(row.number), _matched(row.words, words)) for row in rows]


def create_texts(connection: Connection) -> None:
    """Create the index."""
    connection.execute(text(_CREATE.get(connection.dialect.name, _CREATE["postgresql"])))


def add_text(connection: Connection, kind: Kind, number: int, words: str) -> None:
    """Index the words of a study or a lesson; what is indexed under its number is replaced."""
    remove_text(connection, kind, number)
    row = {"kind": kind, "number": number, "words": words[:_LONGEST].replace("\0", " ")}
    connection.execute(text("INSERT INTO memory_texts (kind, number, words) VALUES (:kind, :number, :words)"), row)


def remove_text(connection: Connection, kind: Kind, number: int) -> None:
    """Forget the words of a study or a lesson."""
    gone = text("DELETE FROM memory_texts WHERE kind = :kind AND number = :number")
    connection.execute(gone, {"kind": kind, "number": number})


def purge_texts(connection: Connection) -> None:
    """Let the index keep nothing of what was removed."""
    if connection.dialect.name == "sqlite":  # whose index only marks it, until its parts are merged
        connection.execute(text("INSERT INTO memory_texts (memory_texts) VALUES ('optimize')"))


def text_of(key: str, definition: Mapping[str, Any]) -> str:
    """Return the words by which a study is found: names, title, description, system, parameters, metrics."""
    about = definition.get("study") or {}
    words = [key, *(str(about.get(field) or "") for field in ("title", "description", "system"))]
    for name, parameter in (definition.get("parameters") or {}).items():
        words += [name, str((parameter or {}).get("description") or "")]
    words += [str(each.get("metric") or "") for each in definition.get("objectives") or []]
    return " ".join(each for each in words if each).encode("utf-8", "replace").decode()


def _asked(dialect: str, words: list[str], limit: int) -> dict[str, object]:
    wanted = " OR ".join(f'"{word}"' for word in words) if dialect == "sqlite" else " | ".join(words)
    return {"wanted": wanted, "limit": limit}


def _matched(found: str, words: list[str]) -> tuple[str, ...]:
    there = {each.lower() for each in _WORD.findall(found)}
    return tuple(word for word in words if word in there)


_CREATE = {
    "sqlite": "CREATE VIRTUAL TABLE IF NOT EXISTS memory_texts USING fts5 "
    '(kind UNINDEXED, number UNINDEXED, words, tokenize = "unicode61 remove_diacritics 2")',
    "postgresql": "CREATE TABLE IF NOT EXISTS memory_texts "
    "(kind VARCHAR(8) NOT NULL, number INTEGER NOT NULL, words TEXT NOT NULL, PRIMARY KEY (kind, number))",
}
_FIND = {
    "sqlite": "SELECT kind, number, words FROM memory_texts WHERE memory_texts MATCH :wanted "
    "ORDER BY bm25(memory_texts), number DESC LIMIT :limit",
    "postgresql": "SELECT kind, number, words FROM memory_texts "
    "WHERE to_tsvector('simple', words) @@ to_tsquery('simple', :wanted) "
    "ORDER BY ts_rank(to_tsvector('simple', words), to_tsquery('simple', :wanted)) DESC, number DESC LIMIT :limit",
}
