"""Is a server ready: does it listen, answer, succeed in a command, or has it printed the line?"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from ...errors import TrimtabError
from ...expressions import Value
from ..base import Workplace
from ..section import Ready

_ONE_TRY_S = 2.0
_SERVER_ERROR = 500
_LONGEST_LOG = 1 << 20


async def is_ready(ready: Ready, values: Mapping[str, Value], folder: Path, workplace: Workplace) -> bool:
    """Return whether all that is asked for holds now; takes at most a few seconds."""
    if ready.log is not None and not await asyncio.to_thread(_was_printed, folder / "service.log", ready.log):
        return False
    if ready.port is not None and not await _listens(int(_filled(str(ready.port), values, workplace))):
        return False
    if ready.http is not None and not await _answers(_filled(ready.http, values, workplace)):
        return False
    return ready.command is None or await _succeeds(ready.command, values, workplace)


def _filled(text: str, values: Mapping[str, Value], workplace: Workplace) -> str:
    return workplace.wording.environment({"": text}, values).get("", text)


def _was_printed(log: Path, pattern: str) -> bool:
    try:
        with log.open(errors="replace") as opened:
            return re.search(pattern, opened.read(_LONGEST_LOG), re.MULTILINE) is not None
    except OSError:
        return False


async def _listens(port: int) -> bool:
    for address in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_ONE_TRY_S):
                _reader, writer = await asyncio.open_connection(address, port)
            writer.close()
            return True
    return False


async def _answers(url: str) -> bool:
    """Return whether a URL of this machine answers, with anything but a server's error."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with contextlib.suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(_ONE_TRY_S):
            reader, writer = await asyncio.open_connection(name, int(port or 80))
            writer.write(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            status = int((await reader.readline()).split()[1])
            writer.close()
        return status < _SERVER_ERROR
    return False


async def _succeeds(command: list[str], values: Mapping[str, Value], workplace: Workplace) -> bool:
    from .hooks import run_hook

    try:
        await run_hook("service.ready", workplace.wording.fill(command, values), _ONE_TRY_S, workplace)
    except TrimtabError:
        return False
    return True
