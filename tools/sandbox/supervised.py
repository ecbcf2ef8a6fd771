"""Wraps a command in our supervisor: the best that resource limits and process groups give without bubblewrap."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .process import SandboxedCommand

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


def wrap(command: "SandboxedCommand") -> list[str]:
    """Return the argument vector that runs `command` under the supervisor."""
    numbers = (os.getpid(), command.limits.memory, command.limits.file_size)
    argv = [sys.executable, "-SE", str(_SUPERVISOR), *map(str, numbers), "--", *command.argv]
    if command.cpus:
        argv = ["taskset", "--cpu-list", ",".join(map(str, command.cpus)), *argv]
    return argv
