"""The store's record of language models: every attempted call with its cost, and what endpoints can do."""

import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Table, cast, delete, func, insert, literal, select

from ...budget import MODEL_RESOURCES, Resource
from ...models.settings import Capability
from .schema import CHAT_CALLS, ENDPOINTS, MODEL_CALLS
from .subject import Subject

_LONGEST_MODEL, _LONGEST_ENDPOINT = 200, 400  # what the columns hold; only SQLite would take more


class Calls(Subject):
    """Calls of models, and their endpoints, in the store."""

    def add_model_call(self, study_id: int, call: Mapping[str, Any]) -> None:
        """Record one attempted call of a model; `call` has the columns of `model_calls`."""
        with self._database.writing() as connection:
            row = {"study_id": study_id, "time": time.time(), **call, "model": str(call["model"])[:_LONGEST_MODEL]}
            connection.execute(insert(MODEL_CALLS), row)

    def model_calls(self, study_id: int) -> list[dict[str, Any]]:
        """Return the calls of a study, oldest first."""
        query = select(MODEL_CALLS).where(MODEL_CALLS.c.study_id == study_id).order_by(MODEL_CALLS.c.id)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def spent_on_models(self, study_id: int) -> dict[Resource, float]:
        """Return what a study's calls have cost so far."""
        with self._database.reading() as connection:
            return _spent(connection, MODEL_CALLS, MODEL_CALLS.c.study_id == study_id)

    def add_chat_call(self, chat: str, call: Mapping[str, Any]) -> None:
        """Record one attempted call of a conversation that has no study yet; `call` is as in `add_model_call`."""
        with self._database.writing() as connection:
            connection.execute(insert(CHAT_CALLS), {"chat": chat, "time": time.time(), **call})

    def spent_in_chat(self, chat: str) -> dict[Resource, float]:
        """Return what a conversation's calls have cost that belong to no study yet."""
        with self._database.reading() as connection:
            return _spent(connection, CHAT_CALLS, CHAT_CALLS.c.chat == chat)

    def attach_chat_calls(self, chat: str, study_id: int) -> dict[Resource, float]:
        """Let a conversation's calls be those of a study from now on; return what they have cost."""
        mine = CHAT_CALLS.c.chat == chat
        names = [column.name for column in CHAT_CALLS.c if column.name not in {"id", "chat"}]
        taken = select(literal(study_id), *(CHAT_CALLS.c[name] for name in names)).where(mine).order_by(CHAT_CALLS.c.id)
        with self._database.alone() as connection:
            spent = _spent(connection, CHAT_CALLS, mine)
            connection.execute(insert(MODEL_CALLS).from_select(["study_id", *names], taken))
            connection.execute(delete(CHAT_CALLS).where(mine))
        return spent

    def endpoint_facts(self, endpoint: str) -> tuple[Capability | None, frozenset[str]]:
        """Return what a model's endpoint has shown that it can do, and which settings it refuses."""
        name = endpoint[:_LONGEST_ENDPOINT]
        query = select(ENDPOINTS.c.capability, ENDPOINTS.c.refused).where(ENDPOINTS.c.endpoint == name)
        with self._database.reading() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return None, frozenset()
        return found.capability or None, frozenset(json.loads(found.refused or "[]"))

    def keep_endpoint_facts(self, endpoint: str, capability: Capability | None, refused: frozenset[str]) -> None:
        """Remember what an endpoint has shown, and which settings it refuses."""
        name = endpoint[:_LONGEST_ENDPOINT]
        row = {"endpoint": name, "capability": capability or "", "refused": json.dumps(sorted(refused))}
        with self._database.alone() as connection:
            connection.execute(delete(ENDPOINTS).where(ENDPOINTS.c.endpoint == name))
            connection.execute(insert(ENDPOINTS), {**row, "probed": time.time()})


def _spent(connection: Connection, table: Table, which: ColumnElement[bool]) -> dict[Resource, float]:
    """Return what some calls have cost."""
    columns = (table.c.input_tokens, table.c.output_tokens, table.c.dollars)
    sums = [func.sum(cast(column, Float)) for column in columns]  # as floats: whole numbers may overflow
    row = connection.execute(select(func.count(), *sums).select_from(table).where(which)).one()
    return {name: float(value or 0) for name, value in zip(MODEL_RESOURCES, row, strict=True)}
