"""Ports of this machine that a sandbox without a network may reach: those that are named, and no others."""

import asyncio
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.sandbox import Sandbox, SandboxedCommand, run

SIZE = 3_000_000

CLIENT = f"""
import json, os, socket, sys, threading
def ask(port, size=5):
    try:
        with socket.create_connection(("localhost", port), timeout=5) as sock:
            threading.Thread(target=lambda: (sock.sendall(b"x" * size), sock.shutdown(socket.SHUT_WR))).start()
            got = 0
            while chunk := sock.recv(65536):
                got += len(chunk)
            return got
    except OSError as error:
        return type(error).__name__
found = {{port: ask(int(port)) for port in sys.argv[1:]}}
if len(sys.argv) > 1:
    many, results = [], []
    for _ in range(20):
        many.append(threading.Thread(target=lambda: results.append(ask(int(sys.argv[1]), {SIZE // 20}))))
        many[-1].start()
    for each in many:
        each.join()
    found["many"] = sum(each for each in results if isinstance(each, int))
    found["wrong"] = [each for each in results if not isinstance(each, int)]
    found["large"] = ask(int(sys.argv[1]), {SIZE})
found["files"] = sorted(os.listdir("/proc/self/fd"))[:-1]
print(json.dumps(found))
"""


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it gets until the other side has said all."""

    def handle(self) -> None:
        while chunk := self.request.recv(65536):
            self.request.sendall(chunk)


class Server(socketserver.ThreadingTCPServer):
    """With room for all who come at once."""

    request_queue_size = 128


@pytest.fixture
def echo() -> Iterator[list[int]]:
    servers = [Server(("127.0.0.1", 0), Echo) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [server.server_address[1] for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(sandbox: Sandbox, folder: Path, ports: list[int], named: tuple[int, ...]) -> dict[str, Any]:
    argv = (sys.executable, "-c", CLIENT, *map(str, ports))
    readable = (Path(sys.prefix), Path(sys.base_prefix))
    command = SandboxedCommand(argv, folder, {"PATH": "/usr/bin:/bin"}, 60, readable=readable, ports=named)

    async def once() -> Any:
        found = await run(command, sandbox)
        await asyncio.sleep(0.05)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks after the run: {left}"
        return found

    outcome = asyncio.run(once())
    assert outcome.exit_code == 0, outcome.stderr
    return dict(json.loads(outcome.stdout))


def test_named_ports_are_reached_and_no_others(bubblewrap: Sandbox, tmp_path: Path, echo: list[int]) -> None:
    found = asked(bubblewrap, tmp_path, echo, (echo[0],))
    assert found[str(echo[0])] == 5
    assert found[str(echo[1])] == "ConnectionRefusedError"
    assert (found["many"], found["large"]) == (SIZE, SIZE), found["wrong"]
    assert found["files"] == ["0", "1", "2"], "the program inherits nothing"


def test_without_ports_nothing_is_reached(bubblewrap: Sandbox, tmp_path: Path, echo: list[int]) -> None:
    assert asked(bubblewrap, tmp_path, echo[:1], ())[str(echo[0])] == "ConnectionRefusedError"


def test_a_port_at_which_nobody_listens_ends_the_connection(bubblewrap: Sandbox, tmp_path: Path) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        found = asked(bubblewrap, tmp_path, [port], (port,))
    assert found[str(port)] in {0, "ConnectionResetError", "BrokenPipeError"}


def test_a_cancelled_evaluation_leaves_no_connection(bubblewrap: Sandbox, tmp_path: Path, echo: list[int]) -> None:
    code = f"import socket, time; s = socket.create_connection(('127.0.0.1', {echo[0]})); s.sendall(b'x'); s.recv(1); time.sleep(60)"
    command = SandboxedCommand(
        (sys.executable, "-c", code),
        tmp_path,
        {},
        60,
        readable=(Path(sys.prefix), Path(sys.base_prefix)),
        ports=(echo[0],),
    )

    async def cancelled() -> int:
        running = asyncio.create_task(run(command, bubblewrap))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait({running})
        await asyncio.sleep(0.05)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(cancelled()) == 0


def test_a_program_that_does_not_start_leaves_nothing(
    bubblewrap: Sandbox, tmp_path: Path, echo: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    command = SandboxedCommand(("/no/such/program",), tmp_path, {}, 20, ports=(echo[0],))

    async def once() -> int:
        outcome = await run(command, bubblewrap)
        await asyncio.sleep(0.05)
        return outcome.exit_code

    assert asyncio.run(once(), debug=True) != 0
    assert "Traceback" not in capfd.readouterr().err
