"""A process that we start: its end and its output as events of the running loop.

asyncio's own subprocesses wait for everybody who holds the pipes, and hang when all tasks are cancelled while one is
being started. Starting here is one step that cannot be cancelled, about a millisecond.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LOOK_EVERY_S = 0.02
_CHUNK = 1 << 16


class Child:
    """A running process, the leader of its own session.

    `ended` is whether it is over, whoever holds its pipes; `news` is set when that happens.
    """

    def __init__(
        self, argv: Sequence[str], directory: Path, environment: Mapping[str, str], open_files: Sequence[int]
    ) -> None:
        """Start it.

        Raises:
            OSError: it could not be started.
        """
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environment,
            start_new_session=True,
            pass_fds=open_files,
        )
        self._loop = asyncio.get_running_loop()
        self.pid, self.ended, self.news = self._process.pid, False, asyncio.Event()
        self._pidfd: int | None = None
        try:
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._look)
        except OSError:  # a kernel before 5.3
            self._look()

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the signal that ended it; None while it runs."""
        return self._process.poll()

    def collect(self, take: Callable[[bytes], None], *, errors: bool = False) -> asyncio.Event:
        """Give what it writes to `take`, as it comes; the event is set when nobody can write any more."""
        stream = self._process.stderr if errors else self._process.stdout
        assert stream is not None
        closed, number = asyncio.Event(), stream.fileno()

        def read() -> None:
            chunk = os.read(number, _CHUNK)
            if chunk:
                take(chunk)
            else:
                self._loop.remove_reader(number)
                closed.set()

        self._loop.add_reader(number, read)
        return closed

    def close(self) -> None:
        """Listen no more; a process that still runs is left to itself."""
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            self._loop.remove_reader(stream.fileno())
            stream.close()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _look(self) -> None:
        if self._process.poll() is not None:
            if self._pidfd is not None:
                self._loop.remove_reader(self._pidfd)
            self.ended = True
            self.news.set()
        elif self._pidfd is None:
            self._loop.call_later(_LOOK_EVERY_S, self._look)
