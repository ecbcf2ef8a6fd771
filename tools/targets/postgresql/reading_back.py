"""Sees that what was written is in effect: else a measurement would be one of something else."""

import asyncio
from collections.abc import Mapping

from .connection import ServerError, connected, rows_of
from .looking import settings_of
from .settings import Row, in_effect

_SETTLE_S, _LOOK_EVERY_S = 5.0, 0.05


async def read_back(dsn: str, wanted: Mapping[str, str | None]) -> None:
    """Wait until every setting has its value and nothing waits for a restart; None stands for any value.

    Raises:
        ServerError: one has not, after some seconds: the first of them, with what the server says.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + _SETTLE_S
    while True:
        async with connected(dsn) as connection:  # a new one: a session may keep what it began with
            rows = await settings_of(connection)
            errors = await rows_of(connection, "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL")
        wrong = [told for name, text in wanted.items() if (told := _wrong(name, text, rows[name]))]
        if not wrong:
            return
        if loop.time() > until:
            said = next((f": {error}" for name, error in errors if name in wanted), "")
            raise ServerError(f"not in effect: {wrong[0]}{said}")
        await asyncio.sleep(_LOOK_EVERY_S)


def _wrong(name: str, text: str | None, row: Row) -> str:
    """Return what is wrong with a setting, '' when nothing is."""
    if row.pending_restart:
        return f"{name} waits for a restart"
    if text is None or in_effect(text, row):
        return ""
    by = f", set by {row.source}" if row.source not in {"configuration file", "default"} else ""
    return f"{name} is {row.shown}, not {text}{by}"
