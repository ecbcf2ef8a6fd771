"""The studies of the store: their definitions, who runs them, and their results."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ....tools.errors import InputError
from ....tools.text import one_line
from ...study.versions import VERSION
from .db import StoreError
from .lessons import forget_lessons_of
from .profiles import Profile, Profiles
from .project import project_of
from .rows import StoredStudy, study_of
from .runs import forget_runs_of
from .schema import ATTEMPTS, EVALUATIONS, MODEL_CALLS, PROFILES, STUDIES, TRAITS, TRIALS
from .texts import add_text, purge_texts, remove_text, text_of

_ATTEMPTS = 1000
"""Keys that are tried for a new study: as many processes may add one of the same name at the same moment."""


@dataclass(frozen=True)
class Listed:
    """A study in a list: how many trials were started, and what its final check found ({} when it did not run)."""

    key: str
    state: str
    created: float
    trials: int
    check: dict[str, Any]


class Studies(Profiles):
    """Studies in the store. One process at a time owns a study."""

    def create_study(
        self,
        name: str,
        definition: dict[str, Any],
        directory: str,
        profile: Profile | None,
        environment: dict[str, Any],
        memory: str = "on",
    ) -> StoredStudy:
        """Add a study, owned by this process, under the first free key NAME-1, NAME-2, ...

        Without a profile no later study recalls it; `memory` is how it uses memory itself.
        """
        row = {
            "name": name,
            "definition": json.dumps(definition),
            "definition_version": VERSION,
            "directory": directory,
            "environment": json.dumps(environment),
            "created": time.time(),
            "search_s": 0.0,
            "profile_id": self.profile_id(profile) if profile is not None else None,
            "project": project_of(Path(directory)),
            "memory": memory,
            **self._leases.new(),
        }
        key = self._insert(name, row)
        stored = self.study(key)
        self._leases.keep(stored.id, row["owner"])
        return stored

    def _insert(self, name: str, row: dict[str, Any]) -> str:
        """Store a new study and return its key."""
        with self._database.reading() as connection:
            number = connection.execute(select(func.count()).where(STUDIES.c.name == name)).scalar() or 0
        for attempt in range(1, _ATTEMPTS + 1):
            key = f"{name}-{number + attempt}"
            try:
                with self._database.writing() as connection:
                    connection.execute(insert(STUDIES).values(row | {"key": key}))
                    number = connection.execute(select(STUDIES.c.id).where(STUDIES.c.key == key)).scalar_one()
                    add_text(connection, "study", number, text_of(key, json.loads(row["definition"])))
            except StoreError as error:
                if not isinstance(error.__cause__, IntegrityError):
                    raise
            else:
                return key
        raise StoreError(f"store {self._database.shown}: no free key for study {name!r}", "use another name")

    def studies(self, name: str | None = None) -> list[StoredStudy]:
        """Return the studies, newest first; those of one name when given."""
        query = select(STUDIES).order_by(STUDIES.c.id.desc())
        if name is not None:
            query = query.where(STUDIES.c.name == name)
        with self._database.reading() as connection:
            return [study_of(row) for row in connection.execute(query)]

    def listing(self) -> list[Listed]:
        """Return a line for each study, newest first, without reading any trial."""
        counted = select(TRIALS.c.study_id, func.count().label("trials")).group_by(TRIALS.c.study_id).subquery()
        columns = (STUDIES.c.key, STUDIES.c.state, STUDIES.c.created, STUDIES.c.result, counted.c.trials)
        query = select(*columns).outerjoin(counted, counted.c.study_id == STUDIES.c.id).order_by(STUDIES.c.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [_listed(row) for row in rows]

    def latest(self, name: str) -> StoredStudy | None:
        """Return the newest study of a name, None when there is none."""
        query = select(STUDIES).where(STUDIES.c.name == name).order_by(STUDIES.c.id.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return study_of(row) if row is not None else None

    def study(self, key_or_name: str) -> StoredStudy:
        """Return the study with this key, else the newest one of this name.

        Raises:
            InputError: there is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(STUDIES).where(STUDIES.c.key == key_or_name)).first()
            keys = select(STUDIES.c.key).order_by(STUDIES.c.id.desc()).limit(10)
            there = [] if row is not None else connection.execute(keys).scalars().all()
        found = study_of(row) if row is not None else self.latest(key_or_name)
        if found is None:
            raise InputError(f"no study {key_or_name!r} in the store", f"it has: {', '.join(there) or 'none'}")
        return found

    def acquire(self, study_id: int) -> None:
        """Make this process the owner of a study, until `release` or `close`.

        Raises:
            InputError: it is being run, also by this very process.
        """
        self._leases.acquire(study_id)

    def release(self, study_id: int, state: str) -> None:
        """Give a study up, as 'finished' or 'interrupted', if this store holds it."""
        self._leases.release(study_id, state)

    def set_definition(self, study_id: int, definition: dict[str, Any]) -> None:
        """Replace the definition, after its budget was changed on resume."""
        values = {"definition": json.dumps(definition), "definition_version": VERSION}
        with self._database.writing() as connection:
            self._leases.fence(connection, study_id)
            connection.execute(update(STUDIES).where(STUDIES.c.id == study_id).values(values))

    def set_result(self, study_id: int, result: dict[str, Any]) -> None:
        """Keep the final result."""
        with self._database.writing() as connection:
            self._leases.fence(connection, study_id)
            connection.execute(update(STUDIES).where(STUDIES.c.id == study_id).values(result=json.dumps(result)))

    def compact(self) -> None:
        """Give the room of what was deleted back to the disk, where the database keeps it; its text is gone then."""
        with self._database.writing() as connection:
            purge_texts(connection)
        self._database.compact()

    def delete(self, study_id: int) -> None:
        """Remove a study that this process owns, and everything that belongs to it alone.

        Raises:
            TrimtabError: another process owns it.
        """
        with self._database.writing() as connection:
            self._leases.fence(connection, study_id)
            profile = connection.execute(select(STUDIES.c.profile_id).where(STUDIES.c.id == study_id)).scalar()
            forget_lessons_of(connection, study_id)
            remove_text(connection, "study", study_id)
            forget_runs_of(connection, study_id)
            for table in (EVALUATIONS, ATTEMPTS, MODEL_CALLS, TRIALS):
                connection.execute(delete(table).where(table.c.study_id == study_id))
            connection.execute(delete(STUDIES).where(STUDIES.c.id == study_id))
            shared = select(func.count()).where(STUDIES.c.profile_id == profile)
            if profile is not None and not connection.execute(shared).scalar():
                connection.execute(delete(TRAITS).where(TRAITS.c.profile_id == profile))
                connection.execute(delete(PROFILES).where(PROFILES.c.id == profile))
        self._leases.release(study_id, "finished")


def _listed(row: Any) -> Listed:  # a row of the columns above
    """Return the line of a study; a damaged one has a line too, so that it does not hide the others."""
    key, state = one_line(str(row.key)), one_line(str(row.state))
    try:
        check = (json.loads(row.result).get("check") or {}) if row.result else {}
        return Listed(key, state, float(row.created), row.trials or 0, dict(check))
    except (ValueError, TypeError, AttributeError):
        return Listed(key, state, 0.0, row.trials or 0, {"verdict": "damaged: it cannot be read"})
