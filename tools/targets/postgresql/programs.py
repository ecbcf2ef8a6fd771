"""PostgreSQL's own programs: where they are, and running one as the owner of a server's files."""

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...text import one_line, plain
from ..base import TargetError
from ..preparation.hooks import own_environment

_NEEDED = ("initdb", "pg_ctl", "pgbench", "psql")


class ProgramError(TargetError):
    """A program of PostgreSQL failed."""


def find_binaries(named: Path | None = None, needed: Sequence[str] = _NEEDED) -> Path:
    """Return the folder of PostgreSQL's programs: the one that is named, else the newest of the system's.

    Raises:
        InputError: they are not there.
    """
    if named is not None:
        folder = named.expanduser()
        missing = [each for each in needed if not (folder / each).is_file()]
        if missing:
            raise InputError(f"target.binaries = '{folder}': there is no {missing[0]} in it", "name another folder")
        return folder
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    folders += sorted(Path("/usr").glob("pgsql-*/bin"), key=_version, reverse=True)
    on_path = shutil.which("initdb") or shutil.which("pgbench")
    folders += [Path(on_path).resolve().parent] if on_path else []
    for folder in folders:
        if all((folder / each).is_file() for each in needed):
            return folder
    raise InputError(
        f"PostgreSQL's programs {', '.join(needed)} were not found",
        "apt-get install postgresql postgresql-contrib, or [target] binaries = '/path/to/bin'",
    )


def _version(folder: Path) -> float:
    found = re.search(r"(\d+(?:\.\d+)?)", folder.parent.name)
    return float(found[1]) if found else 0.0


def owner_for_servers() -> int | None:
    """Return the user that a private server runs as, where this process is root, which PostgreSQL refuses; else None.

    Raises:
        InputError: there is no ordinary user to run it as.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise InputError("PostgreSQL refuses to run as root, and there is no user 'postgres'", "adduser --system postgres")


async def run_program(
    words: Sequence[str | Path],
    within_s: float,
    *,
    owner: int | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path = Path("/"),
) -> str:
    """Run a program to its end and return what it printed; as the user `owner` where one is given.

    Raises:
        ProgramError: it cannot be started, fails, or takes longer than `within_s` seconds.
    """
    name = Path(words[0]).name
    try:
        process = await asyncio.create_subprocess_exec(
            *map(str, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**own_environment(), "LC_ALL": "C", **(environment or {})},
            start_new_session=True,
            **as_user(owner),
        )
    except OSError as error:
        raise ProgramError(f"{name}: {error.strerror}") from None
    try:
        async with asyncio.timeout(within_s):
            said, _ = await process.communicate()
    except TimeoutError:
        raise ProgramError(f"{name}: still running after {within_s:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    text = plain(said.decode(errors="replace"))
    if process.returncode != 0:
        raise ProgramError(f"{name}: exit status {process.returncode}: {last_words(text)}")
    return text


def as_user(owner: int | None) -> dict[str, Any]:  # what create_subprocess_exec takes
    """Return how a process is started as another user, with that user's group and no other."""
    if owner is None or owner == os.geteuid():
        return {}
    return {"user": owner, "group": pwd.getpwuid(owner).pw_gid, "extra_groups": []}


def last_words(text: str) -> str:
    """Return the first line in which a server says what went wrong, else the last that says so, else the last."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    fatal = [line for line in lines if re.search(r"FATAL|PANIC|ERROR", line)]
    wrong = fatal[:1] or [line for line in lines if re.search(r"error:|could not", line)]
    return one_line((wrong or lines or ["it printed nothing"])[-1].strip(), 250)
