"""Connections to a server, and its errors as one line each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...text import one_line
from ..base import TargetError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_CONNECT_S, _STATEMENT_MS = 10, 60_000


class ServerError(TargetError):
    """The server refused, or is out of reach."""


def require_psycopg() -> None:
    """Raise InputError where the driver is not installed."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise InputError(
            "kind = 'postgresql' needs psycopg, which is not installed", "pip install 'trimtab[postgresql]'"
        ) from None


def conninfo_of(dsn: str, **instead: str) -> str:
    """Return a DSN with what our own connections need; fields of `instead` take the place of its.

    Raises:
        ServerError: it is none.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        options = f"{conninfo_to_dict(dsn).get('options', '')} -c statement_timeout={_STATEMENT_MS}".strip()
        fixed: dict[str, str | int] = {"connect_timeout": _CONNECT_S, "application_name": "trimtab"}
        return make_conninfo(dsn, **{**fixed, "options": options, **instead})
    except psycopg.Error as error:
        raise ServerError(f"dsn: {one_line(' '.join(str(error).split()), 200)}") from None


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["AsyncConnection[Any]"]:
    """Yield a connection in autocommit.

    Raises:
        ServerError: there is none, or the server refused what was asked inside the block.
    """
    import psycopg

    info = conninfo_of(dsn)
    try:
        async with await psycopg.AsyncConnection.connect(info, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        raise ServerError(one_line(" ".join(str(error).split()) or type(error).__name__, 300)) from None


async def rows_of(connection: "AsyncConnection[Any]", sql: str, *values: object) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a query."""
    cursor = await connection.execute(sql.encode(), values or None)
    return await cursor.fetchall()


async def value_of(connection: "AsyncConnection[Any]", sql: str, *values: object) -> Any:
    """Return the only value of a query; None where it has no row."""
    rows = await rows_of(connection, sql, *values)
    return rows[0][0] if rows else None


async def do(connection: "AsyncConnection[Any]", sql: str) -> None:
    """Run a statement whose rows nobody wants."""
    await connection.execute(sql.encode())
