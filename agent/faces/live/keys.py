"""Listens for Escape on the terminal while a run waits, and only then: at other times the terminal is left alone."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable
from typing import Any

ESCAPE = b"\x1b"


class EscapeKey:
    """Calls `pressed` when the key is hit between `listen` and `release`. Does nothing without a terminal."""

    def __init__(self, pressed: Callable[[], None], descriptor: int | None = None) -> None:
        """Take a terminal's descriptor; by default standard input, where it is one."""
        self.pressed = pressed
        given = sys.stdin.fileno() if descriptor is None and sys.stdin.isatty() else descriptor
        self._descriptor = given
        self._before: list[Any] | None = None

    def listen(self) -> None:
        """Take keys as they are hit, without showing them; Ctrl-C stays what it is."""
        if self._descriptor is None or self._before is not None:
            return
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def release(self) -> None:
        """Give the terminal back as it was."""
        if self._descriptor is None or self._before is None:
            return
        asyncio.get_running_loop().remove_reader(self._descriptor)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        self._before = None

    def _read(self) -> None:
        assert self._descriptor is not None
        if os.read(self._descriptor, 64) == ESCAPE:  # alone: arrows and the like are longer
            self.pressed()
