"""The embedded model: a child process on loopback that dies with us. It belongs to no event loop."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ...tools.errors import TrimtabError
from .safe_text import remember_key

_SERVER = Path(__file__).with_name("local_server.py")
_START_S = 60


class LocalServerError(TrimtabError):
    """The embedded model did not start."""


@dataclass(frozen=True)
class LocalServer:
    """A running embedded model: its base URL, the key that only we know, and its process."""

    base_url: str
    key: str
    process: "subprocess.Popen[bytes]"

    async def close(self) -> None:
        """End the process."""
        end(self.process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a server and take its exit status; it has nothing to finish."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


async def start_local(gguf: str, workers: int) -> LocalServer:
    """Start serving a model file. It leaves the CPUs of `workers` evaluations alone where there are more.

    Whatever ends the waiting, a cancellation too, ends the process.

    Raises:
        LocalServerError: it did not come up.
    """
    threads = max(1, len(os.sched_getaffinity(0)) - workers)
    key = secrets.token_urlsafe(16)
    remember_key(key)
    process = subprocess.Popen(  # noqa: ASYNC220  # a spawn is short, and the child is bound to the thread that makes it
        [sys.executable, str(_SERVER), gguf, str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "TRIMTAB_LOCAL_KEY": key},
        start_new_session=True,  # an interrupt of the terminal is ours to handle
    )
    reading = asyncio.create_task(asyncio.to_thread(_address, process))
    try:
        await asyncio.wait({reading}, timeout=_START_S)
        address = reading.result() if reading.done() else None
    except BaseException:
        await _give_up(process, reading)
        raise
    if address is None:
        await _give_up(process, reading)
        raise LocalServerError(
            f"the embedded model {gguf} did not start (exit status {process.returncode})", "is it a GGUF file?"
        )
    return LocalServer(f"{address}/v1", key, process)


async def _give_up(process: "subprocess.Popen[bytes]", reading: "asyncio.Task[str | None]") -> None:
    """End a process that somebody still reads from: the end of its output ends the reading."""
    process.kill()
    process.wait()
    await asyncio.wait({reading})
    end(process)


def _address(process: "subprocess.Popen[bytes]") -> str | None:
    """Return the address that a server prints, None when it ends without one."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b'{"address"'):
            return str(json.loads(line)["address"])
    return None
