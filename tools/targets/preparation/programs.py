"""Runs a server's own programs to their end, as the owner of its files where that is another user."""

import asyncio
import contextlib
import os
import pwd
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ...text import one_line, plain
from ..base import TargetError
from .hooks import kill, own_environment

_AT_THE_END = re.compile(r"terminating \w+|is (shutting down|starting up)")
"""What a server says to those that are connected when it stops: no reason for anything."""


class ProgramError(TargetError):
    """A program of a system under tuning failed."""


async def run_program(
    words: Sequence[str | Path],
    within_s: float,
    *,
    owner: int | None = None,
    folder: Path = Path("/"),
) -> str:
    """Run a program to its end and return what it printed; as the user `owner` where one is given.

    Raises:
        ProgramError: it cannot be started, fails, or takes longer than `within_s` seconds.
    """
    name = Path(words[0]).name
    async with running(words, owner=owner, folder=folder) as process:
        try:
            async with asyncio.timeout(within_s):
                said, _ = await process.communicate()
        except TimeoutError:
            raise ProgramError(f"{name}: still running after {within_s:g} s") from None
    return ended(name, process, plain(said.decode(errors="replace")))


@asynccontextmanager
async def running(
    words: Sequence[str | Path], *, owner: int | None = None, folder: Path = Path("/")
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a program that was started, with all it prints in one pipe; what still runs at the end is killed.

    Raises:
        ProgramError: it cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *map(str, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**own_environment(), "LC_ALL": "C"},
            start_new_session=True,
            **as_user(owner),
        )
    except OSError as error:
        raise ProgramError(f"{Path(words[0]).name}: {error.strerror}") from None
    try:
        yield process
    finally:
        if process.returncode is None:
            await kill(process)


def ended(name: str, process: asyncio.subprocess.Process, text: str) -> str:
    """Return what a program printed that has ended.

    Raises:
        ProgramError: it failed.
    """
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
    fatal = [line for line in lines if re.search(r"FATAL|PANIC|ERROR", line) and not _AT_THE_END.search(line)]
    wrong = fatal[:1] or [line for line in lines if re.search(r"error:|could not", line)]
    return one_line((wrong or lines or ["it printed nothing"])[-1].strip(), 250)


def kill_those_in(folder: Path) -> None:
    """Kill what still works in a folder, or was told of it: a server that was starting when its starter was killed."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = os.fsencode(folder) in (process / "cmdline").read_bytes()
            if (told or (process / "cwd").readlink().is_relative_to(folder)) and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
