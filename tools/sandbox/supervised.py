"""Wraps a command in our supervisor: the best that resource limits and process groups give without bubblewrap."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .descendants import state
from .launch import Launch
from .resources.adoption import file_size_limit, guard, kill_orphans

if TYPE_CHECKING:
    from .process import SandboxedCommand

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@contextmanager
def launch(command: "SandboxedCommand") -> Iterator[Launch]:
    """Yield how to start `command` under the supervisor; nothing of it outlives the context, whatever it does to it."""
    numbers = (os.getpid(), command.limits.memory, file_size_limit(command.limits.file_size))
    argv = [sys.executable, "-SE", str(_SUPERVISOR), *map(str, numbers), "--", *command.argv]
    if command.cpus:
        argv = ["taskset", "--cpu-list", ",".join(map(str, command.cpus)), *argv]
    with guard:
        yield Launch(tuple(argv), isolated=False, trouble=_stopped, ended=kill_orphans)


def _stopped(supervisor: int) -> str | None:
    """Return that the supervisor was stopped, None when it runs; only its evaluation would do that to it."""
    if state(supervisor) in {"T", "t"}:
        return "stopped the process that supervises it (isolation 'process')"
    return None
