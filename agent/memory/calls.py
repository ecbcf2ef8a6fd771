"""The store's record of language models: every attempted call with its cost, and what endpoints can do."""

import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Float, cast, delete, func, insert, select

from ..budget import MODEL_RESOURCES, Resource
from ..models.settings import Capability
from .schema import ENDPOINTS, MODEL_CALLS
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
        table = MODEL_CALLS.c
        sums = [func.sum(cast(column, Float)) for column in (table.input_tokens, table.output_tokens, table.dollars)]
        query = select(func.count(), *sums).where(table.study_id == study_id)  # as floats: whole numbers may overflow
        with self._database.reading() as connection:
            row = connection.execute(query).one()
        return {name: float(value or 0) for name, value in zip(MODEL_RESOURCES, row, strict=True)}

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
