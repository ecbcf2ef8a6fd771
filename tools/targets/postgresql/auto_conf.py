"""The file postgresql.auto.conf: reading its entries, and putting its bytes back."""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connection import ServerError, value_of
from .looking import AUTO_CONF
from .settings import quoted

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_ENTRY = re.compile(r"^\s*([A-Za-z_][\w.$]*)\s*=?\s*(?:'((?:[^']|'')*)'|([^\s#]+))", re.MULTILINE)


def entries_of(content: bytes) -> dict[str, str]:
    """Return the settings of the file with their values, unquoted; the last of a name counts."""
    text = content.decode(errors="surrogateescape")
    return {
        match[1].lower(): match[2].replace("''", "'") if match[2] is not None else match[3]
        for match in _ENTRY.finditer(text)
    }


def merged(content: bytes, names: Iterable[str], entries: Mapping[str, str]) -> bytes:
    """Return the file with the entries of `names` as in `entries`, or without them; all else stays."""
    wanted = {*names}
    found = content.decode(errors="surrogateescape").splitlines(keepends=True)
    kept = [line for line in found if (match := _ENTRY.match(line)) is None or match[1].lower() not in wanted]
    fresh = [f"{name} = {quoted(entries[name])}\n" for name in sorted(wanted & entries.keys())]
    return "".join([*kept, *fresh]).encode(errors="surrogateescape")


def is_at_hand(data: Path, content: bytes) -> bool:
    """Whether the server's file is on this machine, holds these bytes, and may be written by this process."""
    file = data / AUTO_CONF
    with contextlib.suppress(OSError):
        return file.read_bytes() == content and os.access(file, os.W_OK) and os.access(data, os.W_OK)
    return False


def write_at_hand(data: Path, content: bytes) -> None:
    """Put a file with these bytes in the place of the server's, durable, with the owner and mode of the one before.

    Raises:
        ServerError: it cannot be written.
    """
    file = data / AUTO_CONF
    fresh = file.with_suffix(".trimtab")
    try:
        before = file.stat() if file.exists() else data.stat()
        with fresh.open("wb") as opened:
            os.fchown(opened.fileno(), before.st_uid, before.st_gid)
            os.fchmod(opened.fileno(), before.st_mode & 0o666)
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
        folder = os.open(data, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ServerError(f"{file} cannot be written: {error.strerror}") from None


async def write_through(connection: "AsyncConnection[Any]", content: bytes) -> None:
    """Let the server write its own file, which is out of this process's reach: a large object, exported to it."""
    number = await value_of(connection, "SELECT lo_from_bytea(0, %s)", content)
    try:
        await value_of(connection, "SELECT lo_export(%s, %s)", number, AUTO_CONF)
    finally:
        await value_of(connection, "SELECT lo_unlink(%s)", number)
