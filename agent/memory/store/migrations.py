"""Brings an older store up to date, one process at a time.

Migrations are append-only: a function that was released is never changed.
"""

import json
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Table, inspect, select, text

from ....tools.errors import InputError
from .db import Database, StoreError
from .profiles import Profile, add_profile, find_profile
from .project import project_of
from .schema import (
    ATTEMPTS,
    CHAT_CALLS,
    CHAT_ENTRIES,
    CHATS,
    COMMANDS,
    ENDPOINTS,
    EVALUATIONS,
    LESSON_VERDICTS,
    LESSONS,
    META,
    METADATA,
    MODEL_CALLS,
    PROFILES,
    RUNS,
    STUDIES,
    TRAITS,
    TRIALS,
)
from .texts import add_text, create_texts, text_of


def _first(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[META, STUDIES, TRIALS, EVALUATIONS, MODEL_CALLS, ENDPOINTS])


def _trial_details(connection: Connection) -> None:
    _add_column(connection, TRIALS, "details", "TEXT")


def _chats(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[CHATS, CHAT_ENTRIES])


def _leases_and_versions(connection: Connection) -> None:
    _add_column(connection, STUDIES, "lease", "DOUBLE PRECISION")
    _add_column(connection, STUDIES, "definition_version", "INTEGER NOT NULL DEFAULT 1")


def _profiles(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[PROFILES, TRAITS])
    _add_column(connection, STUDIES, "profile_id", "INTEGER")
    for index in STUDIES.indexes:
        index.create(connection, checkfirst=True)
    for row in connection.execute(select(STUDIES.c.id, STUDIES.c.traits)).all():
        traits = json.loads(row.traits)
        profile = Profile(json.dumps(traits["objectives"]), traits["system"], frozenset(traits["parameters"]))
        number = find_profile(connection, profile) or add_profile(connection, profile)
        connection.execute(STUDIES.update().where(STUDIES.c.id == row.id).values(profile_id=number))


def _refused_settings(connection: Connection) -> None:
    """Add what endpoints refuse. What was probed before may come from an error, so it is found out anew."""
    _add_column(connection, ENDPOINTS, "refused", "TEXT")
    connection.execute(ENDPOINTS.delete())


def _calls_of_conversations(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[CHAT_CALLS])


def _memory(connection: Connection) -> None:
    _add_column(connection, STUDIES, "project", "TEXT")
    _add_column(connection, STUDIES, "memory", "VARCHAR(12) NOT NULL DEFAULT 'on'")
    METADATA.create_all(connection, tables=[LESSONS, LESSON_VERDICTS])
    for index in STUDIES.indexes:
        index.create(connection, checkfirst=True)
    create_texts(connection)
    columns = (STUDIES.c.id, STUDIES.c.key, STUDIES.c.directory, STUDIES.c.definition)
    for row in connection.execute(select(*columns)).all():
        project = project_of(Path(row.directory))
        connection.execute(STUDIES.update().where(STUDIES.c.id == row.id).values(project=project))
        add_text(connection, "study", row.id, text_of(row.key, json.loads(row.definition)))


def _runs(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[RUNS, COMMANDS])


def _attempts_and_hosts(connection: Connection) -> None:
    METADATA.create_all(connection, tables=[ATTEMPTS])
    _add_column(connection, EVALUATIONS, "host", "TEXT")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _first,
    _trial_details,
    _chats,
    _leases_and_versions,
    _profiles,
    _refused_settings,
    _calls_of_conversations,
    _memory,
    _runs,
    _attempts_and_hosts,
)


def migrate(database: Database) -> None:
    """Bring the tables to the current version.

    Raises:
        InputError: the store cannot be opened, or was written by a newer version.
    """
    try:
        with database.reading() as connection:
            version = _version(connection)
        if version < len(MIGRATIONS):
            with database.alone() as connection:
                version = _brought_up(connection)
    except StoreError as error:
        raise InputError(f"store {database.shown} cannot be opened: {error.reason}", "see --store") from None
    if version > len(MIGRATIONS):
        raise InputError(f"store {database.shown} was written by a newer trimtab", "update trimtab")


def _brought_up(connection: Connection) -> int:
    """Run what is missing and return the version, which somebody else may have raised while we waited."""
    version = _version(connection)
    for migration in MIGRATIONS[version:]:
        migration(connection)
    if version < len(MIGRATIONS):
        connection.execute(META.delete())
        connection.execute(META.insert().values(version=len(MIGRATIONS)))
    return max(version, len(MIGRATIONS))


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(META.name):
        return 0
    return connection.execute(select(META.c.version)).scalar() or 0


def _add_column(connection: Connection, table: Table, name: str, kind: str) -> None:
    """Add a column, unless the table was created with it."""
    if not any(column["name"] == name for column in inspect(connection).get_columns(table.name)):
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}"))
