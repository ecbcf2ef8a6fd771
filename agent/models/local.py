"""The embedded model: a child process on loopback that dies with us."""

import asyncio
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from ...tools.errors import TrimtabError

_SERVER = Path(__file__).with_name("local_server.py")
_START_S = 60


class LocalServerError(TrimtabError):
    """The embedded model did not start."""


@dataclass(frozen=True)
class LocalServer:
    """A running embedded model: its base URL, the key that only we know, and its process."""

    base_url: str
    key: str
    process: asyncio.subprocess.Process

    async def close(self) -> None:
        """End the process."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def start_local(gguf: str, workers: int) -> LocalServer:
    """Start serving a model file. It leaves the CPUs of `workers` evaluations alone where there are more.

    Raises:
        LocalServerError: it did not come up.
    """
    threads = max(1, len(os.sched_getaffinity(0)) - workers)
    key = secrets.token_urlsafe(16)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_SERVER),
        gguf,
        str(threads),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "TRIMTAB_LOCAL_KEY": key},
        start_new_session=True,  # an interrupt of the terminal is ours to handle
    )
    assert process.stdout is not None
    address = None
    try:
        async with asyncio.timeout(_START_S):
            while line := await process.stdout.readline():
                if line.startswith(b'{"address"'):
                    address = json.loads(line)["address"]
                    break
    except TimeoutError:
        address = None
    if address is None:
        if process.returncode is None:
            process.kill()
        code = await process.wait()
        raise LocalServerError(f"the embedded model {gguf} did not start (exit status {code})", "is it a GGUF file?")
    return LocalServer(f"{address}/v1", key, process)
