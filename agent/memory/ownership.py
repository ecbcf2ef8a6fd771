"""Which process runs a study: told apart from a later one with the same number by when it started."""

import os
import socket
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Return what tells this process from all others."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "start": _process_start(os.getpid())}


def _process_start(pid: int) -> str | None:
    """Return when a process was started, in clock ticks since boot: tells a reused process id."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def is_alive(owner: dict[str, Any]) -> bool:
    """Whether an owner still runs; one on another machine is taken for dead."""
    if owner["host"] != socket.gethostname() or owner["start"] is None:
        return False
    return _process_start(owner["pid"]) == str(owner["start"])
