"""A private cluster: made by initdb in a folder of its own, reached by a socket in it, removed at the end."""

import asyncio
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ...errors import InputError
from ..preparation.programs import ProgramError, kill_those_in, last_words, run_program
from ..scratch import remove
from .programs import owner_for_servers
from .settings import quoted

LONGEST_SOCKET = 100
"""Bytes of the path of a unix socket, with its name: the system allows 107."""
_INITDB_S, _START_S, _STOP_S, _REMOVE_S = 120.0, 120.0, 60.0, 60.0
_ROLE = "trimtab"


def new_folder() -> Path:
    """Return the path of a folder that is not there yet, for a cluster.

    Raises:
        InputError: it would be too long for a socket.
    """
    folder = Path(tempfile.gettempdir()) / f"trimtab-postgresql-{secrets.token_hex(4)}"
    if len(os.fsencode(folder)) > LONGEST_SOCKET - len("/s/.s.PGSQL.5432"):
        raise InputError(f"TMPDIR = '{folder.parent}' is too long a path for a server's socket", "set a shorter TMPDIR")
    return folder


class Cluster:
    """The cluster in one folder. Everything in it belongs to `owner`, where that is another user."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self.owner = owner_for_servers()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def dsn(self) -> str:
        """How to reach it."""
        return f"host={self.folder / 's'} port=5432 user={_ROLE} dbname=postgres"

    async def make(self, configuration: Mapping[str, str]) -> None:
        """Make it, with settings beside initdb's own.

        Raises:
            ProgramError: initdb fails.
            InputError: there is no room for it.
        """
        try:
            self.folder.mkdir(mode=0o700)
            (self.folder / "s").mkdir(mode=0o700)
            if self.owner is not None:
                for each in (self.folder, self.folder / "s"):
                    os.chown(each, self.owner, -1)
        except OSError as error:
            raise InputError(f"{self.folder}: {error.strerror}", "mend that, or set another TMPDIR") from None
        words = ["-U", _ROLE, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync"]
        await run_program(
            [self.binaries / "initdb", "-D", self.data, *words], _INITDB_S, owner=self.owner, folder=self.folder
        )
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {quoted(value)}\n" for name, value in configuration.items())

    async def start(self) -> None:
        """Start the server, and wait until it answers.

        Raises:
            ProgramError: it does not come up; the reason is the log's.
        """
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder / 's'}' -c port=5432"
        words = ("start", "-w", "-t", str(int(_START_S)), "-l", log, "-o", options)
        starting = asyncio.ensure_future(self._control(*words, within_s=_START_S + 5))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:  # a server half started could not be stopped
            await asyncio.gather(starting, return_exceptions=True)
            raise
        except ProgramError as error:
            said = log.read_text(errors="replace") if log.exists() else ""
            raise ProgramError(f"the server did not start: {last_words(said) if said else error}") from None

    async def stop(self, mode: str = "fast") -> None:
        """Stop the server, if it runs: 'fast' writes what is in memory, 'immediate' does not."""
        if (self.data / "postmaster.pid").exists():
            await self._control("stop", "-w", "-t", str(int(_STOP_S)), "-m", mode, within_s=_STOP_S + 5)

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    async def remove(self) -> None:
        """Stop the server and remove the folder; harmless where there is none."""
        if not self.folder.exists():
            return
        with contextlib.suppress(ProgramError):  # what cannot be stopped so is looked for below
            await self.stop("immediate")
        left: list[str] = []
        await asyncio.to_thread(kill_those_in, self.folder)
        await asyncio.to_thread(remove, self.folder, left.append, until=time.monotonic() + _REMOVE_S)
        if left:
            raise ProgramError(left[0])

    async def _control(self, *words: str | Path, within_s: float) -> None:
        program = self.binaries / "pg_ctl"
        await run_program([program, "-D", self.data, "-s", *words], within_s, owner=self.owner, folder=self.folder)
