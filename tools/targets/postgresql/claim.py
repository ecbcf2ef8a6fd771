"""One study at a time tunes a server: an advisory lock, held by a connection that nothing else uses.

The lock goes with the connection: a kill lets go of it, and so does a restart, after which it is taken again.
"""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .connection import ServerError, conninfo_of

if TYPE_CHECKING:
    from psycopg import Connection

_held: dict[str, "Connection[Any]"] = {}
"""By system identifier, the connections by which this process holds its claims."""
_PROBATION_S, _PATIENCE_S, _EVERY_S = 1.5, 10.0, 0.1
_EVERYBODYS = "postgres"
"""Advisory locks are a database's: this one has nearly every server."""


async def claim(dsn: str, identifier: str) -> None:
    """Claim the server for this process, until `release`; harmless where it has it.

    Raises:
        InputError: another process tunes it.
        ServerError: it is out of reach.
    """
    await asyncio.to_thread(_claim, dsn, identifier)


def release(identifier: str) -> None:
    """Let go of a server."""
    connection = _held.pop(identifier, None)
    if connection is not None:
        connection.close()


def _claim(dsn: str, identifier: str) -> None:
    import psycopg

    before = _held.get(identifier)
    if before is not None:
        with contextlib.suppress(psycopg.Error):
            before.execute("SELECT 1")
            return
    connection = _connection(dsn)
    key = int(identifier) - (1 << 63)
    try:
        mine = _regained(connection, key) if before is not None else _is_free(connection, key)
    except psycopg.Error as error:
        connection.close()
        raise ServerError(" ".join(str(error).split())[:300]) from None
    if not mine:
        connection.close()
        raise InputError("another trimtab tunes this server now", "wait for its end: one study at a time")
    release(identifier)
    _held[identifier] = connection


def _is_free(connection: "Connection[Any]", key: int) -> bool:
    """Take the lock where nobody wants it for a while: a study whose server was just restarted takes it again."""
    until = time.monotonic() + _PROBATION_S
    while _taken(connection, key):
        if time.monotonic() > until:
            return True
        connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
        time.sleep(_EVERY_S)
    return False


def _regained(connection: "Connection[Any]", key: int) -> bool:
    """Take the lock again; one who looks whether it is free has it for a moment."""
    until = time.monotonic() + _PATIENCE_S
    while not _taken(connection, key):
        if time.monotonic() > until:
            return False
        time.sleep(_EVERY_S / 10)
    return True


def _taken(connection: "Connection[Any]", key: int) -> bool:
    return connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() == (True,)


def _connection(dsn: str) -> "Connection[Any]":
    import psycopg

    try:
        with contextlib.suppress(psycopg.OperationalError):  # some servers lack that database
            return psycopg.connect(conninfo_of(dsn, dbname=_EVERYBODYS), autocommit=True)
        return psycopg.connect(conninfo_of(dsn), autocommit=True)
    except psycopg.Error as error:
        raise ServerError(" ".join(str(error).split())[:300]) from None
