"""Starts a command as it is: no sandbox, for programs that one trusts, and to see that an attack would succeed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .launch import Launch

if TYPE_CHECKING:
    from .process import SandboxedCommand


@contextmanager
def launch(command: "SandboxedCommand") -> Iterator[Launch]:
    """Yield how to start `command`."""
    yield Launch(command.argv, isolated=False)
