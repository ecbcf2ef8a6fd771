"""Starts and restarts a server, where that is allowed."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..preparation.programs import ProgramError, last_words, run_program
from .cluster import Cluster
from .programs import find_binaries
from .section import PostgresqlSection

_RESTART_S = 180.0


@dataclass
class Power:
    """How a server is restarted. `cluster` is given where it is a private one; `clock` tells the local time, and
    `log` is the file into which the server prints."""

    section: PostgresqlSection
    cluster: Cluster | None = None
    clock: Callable[[], datetime] = datetime.now
    log: Path | None = None

    @property
    def allowed_now(self) -> bool:
        """Whether a restart is allowed at this moment."""
        window = self.section.window
        return self.section.may_restart and (window is None or window.holds(self.clock().time()))

    def require(self, names: list[str]) -> None:
        """Raise ProgramError where the settings need a restart that is not allowed now."""
        if not self.section.may_restart:
            raise ProgramError(f"{', '.join(names)}: needs a restart, and restart = 'never'")
        if not self.allowed_now:
            raise ProgramError(f"{', '.join(names)}: needs a restart, and the window {self.section.restart} is closed")

    async def restart(self, data: Path) -> None:
        """Restart the server, and wait until it answers.

        Raises:
            ProgramError: it does not come up.
        """
        if self.cluster is not None:
            await self.cluster.restart()
        elif self.section.restart_command is not None:
            await run_program(self.section.restart_command, _RESTART_S)
        else:
            await self._control(data, "restart", "-m", "fast")

    async def start(self, data: Path) -> None:
        """Start a server that is down.

        Raises:
            ProgramError: it does not come up, or that is not allowed.
        """
        if not self.section.may_restart:
            raise ProgramError("the server is down, and restart = 'never'")
        if self.cluster is not None:
            await self.cluster.start()
        elif self.section.restart_command is not None:
            await run_program(self.section.restart_command, _RESTART_S)
        else:
            await self._control(data, "restart", "-m", "immediate")

    async def _control(self, data: Path, *words: str) -> None:
        try:
            owner = data.stat().st_uid
        except OSError:
            raise ProgramError(f"{data} is not on this machine: give restart_command = '...'") from None
        program = find_binaries(self.section.binaries, ("pg_ctl",)) / "pg_ctl"
        log = self.log if self.log is not None and _belongs(self.log, owner) else Path(os.devnull)
        size = log.stat().st_size if log.is_file() else 0
        try:
            await run_program([program, "-D", data, "-s", "-w", "-l", log, *words], _RESTART_S, owner=owner)
        except ProgramError as error:
            said = log.read_bytes()[size:].decode(errors="replace") if log.is_file() else ""
            raise ProgramError(f"the server did not start: {last_words(said) if said else error}") from None


def log_of(data: Path) -> Path | None:
    """Return the file into which a server of this machine writes what it prints, so that a restart goes on with it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        number = int((data / "postmaster.pid").read_text().split()[0])
        file = Path(f"/proc/{number}/fd/2").readlink()
        return file if file.is_file() else None
    return None


def _belongs(file: Path, owner: int) -> bool:
    """Whether the server's own user may go on writing a log; a service of the system may have opened it for it."""
    with contextlib.suppress(OSError):
        return file.stat().st_uid == owner
    return False
