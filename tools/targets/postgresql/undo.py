"""Puts a server back: byte for byte where nobody else changed it, else setting by setting, leaving what others did.

After a kill this is all that a later process does; it needs the journal and the server, nothing else.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..journal import Journal
from ..preparation.programs import ProgramError
from .auto_conf import entries_of, is_at_hand, merged, write_at_hand, write_through
from .before import NOTE, OURS, Before
from .connection import ServerError, connected, do, value_of
from .looking import AUTO_CONF, auto_conf_of, facts_of, settings_of
from .power import Power
from .settings import Row, statement

if TYPE_CHECKING:
    from psycopg import AsyncConnection

Written = Mapping[str, list[str | None]]
"""By setting, the values that were written into the file; None where its entry was removed."""
_SETTLE_S, _LOOK_EVERY_S = 10.0, 0.05


@dataclass
class Undo:
    """What is put back on one server. `left` are the lines about what others had changed meanwhile."""

    dsn: str
    power: Power
    left: list[str] = field(default_factory=list)

    async def run(self, journal: Journal) -> None:
        """Put the server back as the journal says it was; harmless where the journal says nothing.

        Raises:
            ServerError, ProgramError: it could not be, or not all of it.
        """
        noted = journal.notes.get(NOTE)
        if noted is None:
            return
        before = Before.model_validate(noted)
        self.power.log = before.log
        written: Written = journal.notes.get(OURS, {})
        await self._answering(before, written)
        async with connected(self.dsn) as connection:
            theirs = await self._write(connection, before, written)
        await self._settle(before, written, theirs)
        journal.undone(OURS)
        journal.undone(NOTE)

    async def _answering(self, before: Before, written: Written) -> None:
        """See that the server answers: where what was written keeps it from starting, that is undone first."""
        try:
            async with connected(self.dsn) as connection:
                facts = await facts_of(connection)
        except ServerError as refused:
            await self._raise_it(before, written, refused)
            async with connected(self.dsn) as connection:
                facts = await facts_of(connection)
        if facts.identifier != before.identifier:
            raise ServerError("another server answers now (its system identifier differs): nothing was written")
        if facts.standby:
            raise ServerError("the server is a standby now: nothing was written; restore on the new primary by hand")

    async def _raise_it(self, before: Before, written: Written, refused: ServerError) -> None:
        file = before.data / AUTO_CONF
        try:
            content = file.read_bytes()
        except OSError:
            raise refused from None
        theirs = changed_by_others(entries_of(before.auto_conf), entries_of(content), written)
        ours, original = written.keys() - theirs, entries_of(before.auto_conf)
        write_at_hand(before.data, merged(content, ours, original) if theirs else before.auto_conf)
        try:
            await self.power.start(before.data)
        except ProgramError as error:
            raise ServerError(f"{refused}; starting it: {error}") from None

    async def _write(self, connection: "AsyncConnection[Any]", before: Before, written: Written) -> set[str]:
        """Put the file back; return the settings that others changed, which stay as they are."""
        content = await auto_conf_of(connection)
        entries = entries_of(content)
        original = entries_of(before.auto_conf)
        theirs = changed_by_others(original, entries, written)
        if not theirs:
            if content != before.auto_conf:
                await put_back(connection, before.data, content, before.auto_conf)
        else:
            for name in written.keys() - theirs:
                await do(connection, statement(name, original.get(name)))
            self.left += [_told(name, original.get(name), entries.get(name)) for name in sorted(theirs)]
        await value_of(connection, "SELECT pg_reload_conf()")
        return theirs

    async def _settle(self, before: Before, written: Written, theirs: set[str]) -> None:
        """Wait until the server says what it said before; restart it where a tuned setting needs that."""
        differing = await self._differing(before, theirs)
        rows = differing and await self._rows()
        waiting = [name for name in differing if rows and name in rows and rows[name].needs_restart and name in written]
        if waiting and self.power.allowed_now:
            await self.power.restart(before.data)
            differing = await self._differing(before, theirs)
        elif waiting:
            self.left.append(
                f"{', '.join(waiting)}: as before with the next restart, for which there is no consent now"
            )
            differing = [name for name in differing if rows and name in rows and rows[name].needs_reload]
        if differing:
            raise ServerError(f"not as before: {', '.join(differing[:5])}")

    async def _differing(self, before: Before, theirs: set[str]) -> list[str]:
        """Return what stays different; a reload takes a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _SETTLE_S
        while True:
            rows = await self._rows()
            differing = before.differing(rows, theirs)
            settled = not any(name not in rows or rows[name].needs_reload for name in differing)
            if settled or loop.time() > until:
                return differing
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _rows(self) -> dict[str, Row]:
        async with connected(self.dsn) as connection:  # a new one: an old one may not have reloaded yet
            return await settings_of(connection)


async def put_back(connection: "AsyncConnection[Any]", data: Path, content: bytes, wanted: bytes) -> None:
    """Make the file's bytes `wanted`, which are `content` now."""
    if is_at_hand(data, content):
        write_at_hand(data, wanted)
    else:
        await write_through(connection, wanted)


def changed_by_others(original: Mapping[str, str], entries: Mapping[str, str], written: Written) -> set[str]:
    """Return the settings whose entries are neither as before nor as they were written."""
    names = original.keys() | entries.keys() | written.keys()
    return {name for name in names if entries.get(name) not in {original.get(name), *written.get(name, [])}}


def _told(name: str, before: str | None, now: str | None) -> str:
    """Say what somebody else did to a setting."""
    was, is_now = (("not set" if value is None else repr(value)) for value in (before, now))
    return f"{name}: left as somebody else set it meanwhile ({is_now}; before the study {was})"
