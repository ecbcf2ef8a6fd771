"""A program in a terminal of its own: what it writes, and when."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from types import TracebackType

from ...tools.errors import TrimtabError

_SETTLE_S = 3.0


class Terminal:
    """Runs a program in a terminal; use it as a context manager, which ends the program."""

    def __init__(self, argv: Sequence[str], folder: str, size: tuple[int, int] = (120, 40)) -> None:
        """`size` is (columns, rows); `folder` is where the program runs and keeps its data."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_DATA_HOME": folder}
        self._process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True
        )
        os.close(slave)
        self._seen = b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def send(self, keys: str) -> float:
        """Type keys; forget what was seen before, and return when this was."""
        while self._read(0):
            pass
        self._seen = b""
        began = time.perf_counter()
        os.write(self._master, keys.encode())
        return began

    def until(self, text: str, within_s: float = 60) -> float:
        """Wait for a text and return when it came.

        Raises:
            TimeoutError: it did not come.
            TrimtabError: the program has ended.
        """
        ends = time.perf_counter() + within_s
        while text.encode() not in self._seen:
            if time.perf_counter() > ends:
                raise TimeoutError(f"{text!r} did not come: ...{self._seen[-500:]!r}")
            self._read(0.5)
        return time.perf_counter()

    def settle(self) -> None:
        """Take in what the program writes until it has had time to come to rest; a cursor may blink for ever."""
        ends = time.perf_counter() + _SETTLE_S
        while time.perf_counter() < ends:
            self._read(0.2)

    def _read(self, within_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], within_s)
        if not ready:
            return False
        try:
            self._seen += os.read(self._master, 65536)
        except OSError:  # what a terminal says once nobody writes to it any more
            raise TrimtabError(f"the program in the terminal has ended: ...{self._seen[-500:]!r}") from None
        return True
