"""The store's record of language models: every attempted call with its cost, and what endpoints can do."""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select

from ..budget import MODEL_RESOURCES, Resource
from ..models.settings import Capability
from .schema import ENDPOINTS, MODEL_CALLS
from .subject import Subject


class Calls(Subject):
    """Calls of models, and their endpoints, in the store."""

    def add_model_call(self, study_id: int, call: Mapping[str, Any]) -> None:
        """Record one attempted call of a model; `call` has the columns of `model_calls`."""
        with self._database.writing() as connection:
            connection.execute(insert(MODEL_CALLS), {"study_id": study_id, "time": time.time(), **call})

    def model_calls(self, study_id: int) -> list[dict[str, Any]]:
        """Return the calls of a study, oldest first."""
        query = select(MODEL_CALLS).where(MODEL_CALLS.c.study_id == study_id).order_by(MODEL_CALLS.c.id)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def spent_on_models(self, study_id: int) -> dict[Resource, float]:
        """Return what a study's calls have cost so far."""
        table = MODEL_CALLS.c
        query = select(
            func.count(), func.sum(table.input_tokens), func.sum(table.output_tokens), func.sum(table.dollars)
        ).where(table.study_id == study_id)
        with self._database.reading() as connection:
            row = connection.execute(query).one()
        return {name: float(value or 0) for name, value in zip(MODEL_RESOURCES, row, strict=True)}

    def capability(self, endpoint: str) -> Capability | None:
        """Return what an endpoint can do, if that was probed."""
        query = select(ENDPOINTS.c.capability).where(ENDPOINTS.c.endpoint == endpoint)
        with self._database.reading() as connection:
            found: Capability | None = connection.execute(query).scalar()
            return found

    def set_capability(self, endpoint: str, capability: Capability) -> None:
        """Remember what an endpoint can do."""
        row = {"endpoint": endpoint, "capability": capability, "probed": time.time()}
        with self._database.alone() as connection:
            connection.execute(delete(ENDPOINTS).where(ENDPOINTS.c.endpoint == endpoint))
            connection.execute(insert(ENDPOINTS), row)
