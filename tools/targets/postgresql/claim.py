"""One study at a time tunes a server: an advisory lock, held by a connection that nothing else uses.

The lock goes with the connection: a kill lets go of it, and so does a restart, after which it is taken again.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .connection import ServerError, conninfo_of

if TYPE_CHECKING:
    from psycopg import Connection

_held: dict[str, "Connection[Any]"] = {}
"""By system identifier, the connections by which this process holds its claims."""
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

    with contextlib.suppress(KeyError, psycopg.Error):
        _held[identifier].execute("SELECT 1")
        return
    release(identifier)
    connection = _connection(dsn)
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (int(identifier) - (1 << 63),)).fetchone()
    if row != (True,):
        connection.close()
        raise InputError("another trimtab tunes this server now", "wait for its end: one study at a time")
    _held[identifier] = connection


def _connection(dsn: str) -> "Connection[Any]":
    import psycopg

    try:
        with contextlib.suppress(psycopg.OperationalError):  # some servers lack that database
            return psycopg.connect(conninfo_of(dsn, dbname=_EVERYBODYS), autocommit=True)
        return psycopg.connect(conninfo_of(dsn), autocommit=True)
    except psycopg.Error as error:
        raise ServerError(" ".join(str(error).split())[:300]) from None
