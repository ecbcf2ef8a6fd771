"""Other programs at the door: a client of the SDK's older line, and the protocol's own conformance suite."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.e2e.test_mcp import TRIMTAB, folder, free_port, served, url  # noqa: F401  (fixtures)
from trimtab.agent.faces.mcp.server import http_app
from trimtab.agent.faces.mcp.service import Service
from trimtab.agent.memory.store import Store

pytestmark = pytest.mark.services

OLDER, SUITE, SKILLS = "mcp==1.30.0", "@modelcontextprotocol/conformance@0.1.16", "skills-ref==0.1.1"
SCENARIOS = [
    "server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection",
    "server-sse-multiple-streams",
]  # fmt: skip
"""Those of the suite that ask nothing of a server but the protocol; the others need tools of the suite's own."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The interpreter of an environment that has the older line of the SDK, and not trimtab."""
    place = tmp_path_factory.mktemp("older")
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", OLDER, SKILLS], check=True, timeout=300)
    yield str(place / "bin" / "python")
    shutil.rmtree(place)


@pytest.mark.parametrize("over", ["stdio", "http"])
def test_a_client_of_the_older_line_goes_the_whole_way(older: str, folder: Path, url: str, over: str) -> None:  # noqa: F811
    program = str(Path(__file__).with_name("older_client.py"))

    def act(*port: str) -> str:
        command = [older, program, TRIMTAB, str(folder), url, *port]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    if over == "http":
        with served(folder, url, "--allow-apply") as port:
            said = act(str(port))
    else:
        said = act()
    found = json.loads(said)
    assert found["tools"] == 9
    assert found["fates"] == ["waiting for its turn", "refused"]
    assert (found["state"], found["trials"]) == ("ended", [*range(12)])
    assert "mcp" in found["sources"][:3]
    assert (found["improved"], found["written"]) == (True, True)
    assert json.loads((folder / "best.json").read_text())["cache"] == 48


def test_the_skill_is_one_by_the_formats_own_validator(older: str, root: Path) -> None:
    validate = [str(Path(older).with_name("agentskills")), "validate", str(root / "prompts" / "skills" / "trimtab")]
    done = subprocess.run(validate, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def suite() -> list[str]:
    """The command of the conformance suite."""
    if shutil.which("npx") is None:
        pytest.skip("the conformance suite needs npx")
    command = ["npx", "-y", "-p", "node@22", "-p", SUITE, "conformance"]
    got = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=300)
    if got.returncode != 0:
        pytest.skip("the conformance suite cannot be installed here")
    return command


@pytest.fixture
def trusting(folder: Path, store: Store) -> Iterator[int]:  # noqa: F811
    """The port of a server over HTTP whose clients all have the token: the suite cannot send one."""
    port = free_port()
    guarded = http_app(Service(store, store.shown, folder), "a token", port, allow_apply=False)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        given = [*scope.get("headers", []), (b"authorization", b"Bearer a token")]
        await guarded({**scope, "headers": given}, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield port
    server.should_exit = True
    thread.join(30)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_protocols_conformance_suite_passes(suite: list[str], trusting: int, tmp_path: Path, scenario: str) -> None:
    command = [*suite, "server", "--url", f"http://127.0.0.1:{trusting}/mcp", "--scenario", scenario]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout, done.stdout
