"""The attempts at evaluations that run on machines which may vanish: what was submitted, and what became of it."""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from ....tools.targets import Measurement
from ....tools.text import one_line
from ...trials.attempt import Attempt, AttemptState
from .schema import ATTEMPTS
from .subject import Subject

_ADD = insert(ATTEMPTS)
_IDENTITY = ("purpose", "trial", "position", "seed", "number")
_END = update(ATTEMPTS).where(
    and_(
        ATTEMPTS.c.study_id == bindparam("of_study"),
        *(ATTEMPTS.c[each] == bindparam(f"of_{each}") for each in _IDENTITY),
    )
)
_COUNT = update(ATTEMPTS).where(
    and_(
        *(
            ATTEMPTS.c[each] == bindparam(f"of_{each}")
            for each in ("study_id", "purpose", "trial", "position", "number")
        )
    )
)


class Attempts(Subject):
    """Attempts in the store. One becomes 'counted' in the transaction that stores its evaluation, and only there."""

    def begin_attempt(self, study_id: int, attempt: Attempt) -> None:
        """Store that an attempt is about to be submitted. A power cut may undo it: then the engine knows more."""
        row = {each: getattr(attempt, each) for each in _IDENTITY}
        row |= {"study_id": study_id, "state": "running", "submitted": time.time()}
        with self._database.writing(power_safe=False) as connection:
            self._leases.fence(connection, study_id)
            connection.execute(_ADD, row)

    def end_attempt(
        self,
        study_id: int,
        attempt: Attempt,
        state: AttemptState,
        host: str = "",
        measurement: Measurement | None = None,
    ) -> None:
        """Store what became of an attempt that is not counted, with its result where it had one."""
        row: dict[str, Any] = {f"of_{each}": getattr(attempt, each) for each in _IDENTITY}
        row |= {"of_study": study_id, "state": state, "host": host, "ended": time.time()}
        row["measurement"] = measurement.model_dump_json() if measurement is not None else None
        with self._database.writing(power_safe=False) as connection:
            self._leases.fence(connection, study_id)
            connection.execute(_END, row)

    def attempts(self, study_id: int, state: AttemptState | None = None) -> list[Attempt]:
        """Return the attempts of a study in the order in which they were submitted; those in one state when given."""
        query = select(ATTEMPTS).where(ATTEMPTS.c.study_id == study_id).order_by(ATTEMPTS.c.id)
        if state is not None:
            query = query.where(ATTEMPTS.c.state == state)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            Attempt(
                *(row.purpose, row.trial, row.position, row.seed, row.number),
                state=row.state,
                host=one_line(row.host or ""),
                submitted=row.submitted,
            )
            for row in rows
        ]

    def last_attempt(self, study_id: int, purpose: str, trial: int, position: int) -> int:
        """Return the number of the last attempt at an evaluation, 0 where there is none."""
        same = (ATTEMPTS.c.purpose == purpose, ATTEMPTS.c.trial == trial, ATTEMPTS.c.position == position)
        query = select(func.max(ATTEMPTS.c.number)).where(ATTEMPTS.c.study_id == study_id, *same)
        with self._database.reading() as connection:
            return connection.execute(query).scalar() or 0


def count_attempt(connection: Connection, row: Mapping[str, Any], attempt: int) -> None:
    """Mark, within the transaction that stores an evaluation's row, the attempt that it came from as counted."""
    given = {f"of_{each}": row[each] for each in ("study_id", "purpose", "trial", "position")}
    values = {"state": "counted", "host": row["host"], "ended": row["finished"]}
    connection.execute(_COUNT, {**given, "of_number": attempt, **values})
