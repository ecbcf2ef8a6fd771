"""Ports of the host's loopback interface, for a sandbox with a network of its own: these, and nothing else.

A listener is made inside, before the program starts, and handed out; whoever connects to it there is connected to the
same port of the host from here. So no process of ours stays inside, and the sandbox needs no way out.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

_INSIDE = Path(__file__).with_name("listener.py")
_CHUNK = 1 << 16
_MOST_AT_ONCE = 512

_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Forwarded:
    """The ports of one evaluation. `given` is the end of the pair of sockets that the sandbox gets."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = tuple(dict.fromkeys(ports))
        self._here, self.given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def command(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command that listens inside and then becomes `argv`."""
        ports = ",".join(map(str, self._ports))
        code = _INSIDE.read_text(encoding="utf-8")
        return (sys.executable, "-I", "-S", "-c", code, str(self.given.fileno()), ports, *argv)

    def start(self) -> None:
        """Take the listeners as they come, while the program starts."""
        self.given.close()
        self._keep(asyncio.get_running_loop().create_task(self._take()))

    async def _take(self) -> None:
        self._here.setblocking(False)
        for port in self._ports:
            numbers = await _received(self._here)
            for number in numbers:
                listening = socket.socket(fileno=number)
                listening.setblocking(False)
                serve = _connected(port)
                self._servers.append(await asyncio.start_server(self._limited(serve), sock=listening))
            with contextlib.suppress(OSError):
                self._here.send(b".")
            if not numbers:
                return

    def _limited(self, serve: _Serve) -> _Serve:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if len(self._tasks) >= _MOST_AT_ONCE or task is None:
                writer.close()
                return
            self._keep(task)
            with contextlib.suppress(asyncio.CancelledError):  # only `close` cancels; asyncio would print it
                await serve(reader, writer)

        return one

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """End all connections and listeners."""
        with contextlib.suppress(RuntimeError):  # without a loop nothing was started
            asyncio.get_running_loop().remove_reader(self._here.fileno())
        self._here.close()
        self.given.close()
        for server in self._servers:
            server.close()
        for task in [*self._tasks]:
            task.cancel()


async def _received(here: socket.socket) -> list[int]:
    """Return the descriptors of the next message; none when the other end has gone."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(here.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        if here.fileno() >= 0:
            loop.remove_reader(here.fileno())
    try:
        _data, numbers, _flags, _address = socket.recv_fds(here, 64, 4)
    except OSError:
        return []
    return list(numbers)


def _connected(port: int) -> _Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            out_reader, out_writer = await _open(port)
        except OSError:
            _reset(writer)  # as near as it gets to a port at which nobody listens
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, out_writer))
                both.create_task(_pass_on(out_reader, writer))
        finally:
            for each in (writer, out_writer):
                each.close()

    return serve


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return await asyncio.open_connection("::1", port)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:  # one side was reset, and so the other is
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()
