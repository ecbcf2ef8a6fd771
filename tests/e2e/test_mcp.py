"""A scripted agent over the SDK's own client: from a draft to a file that is written, over stdio and HTTP."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from trimtab.agent.memory.store import Store

TRIMTAB = str(Path(sys.executable).parent / "trimtab")
PROGRAM = """
import json, sys, time
cache, mode = int(sys.argv[1]), sys.argv[2]
time.sleep(0.05)
print(json.dumps({"seconds": 1 + abs(cache - 48) / 16 + (2 if mode == "slow" else 0) + int(sys.argv[3]) % 7 / 100}))
"""
STUDY = """
[study]
name = "agent"
[parameters]
cache = { type = "int", low = 1, high = 64, default = 8 }
mode = { type = "categorical", choices = ["slow", "fast"], default = "slow" }
[[objectives]]
metric = "seconds"
direction = "minimize"
[evaluation]
command = ["python3", "{study_dir}/program.py", "{cache}", "{mode}", "{seed}"]
[budget]
trials = 12
"""
IDEAS = [
    {"values": {"cache": 48, "mode": "fast"}, "rationale": "it fits",
     "predicted": {"seconds": {"expected": 1.2, "low": 1.0, "high": 1.6}}},
    {"values": {"cache": 48.2, "mode": "FAST"}, "rationale": "the same, in other words"},
    {"values": {"cache": 4000}},
    {"values": {"cache": 33, "mode": "fast"}},
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A store; whatever still runs in it is ended afterwards."""
    found = f"sqlite:///{tmp_path / 'agents.db'}"
    yield found
    store = Store(found)
    for run in store.runs():
        if not run.over:
            store.add_command(run.id, "stop", {}, "the test")
    deadline = time.monotonic() + 30
    while any(not run.over for run in store.runs()) and time.monotonic() < deadline:
        time.sleep(0.2)
    store.close()


@contextlib.asynccontextmanager
async def stdio(folder: Path, url: str, *options: str) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=TRIMTAB, args=["mcp", str(folder), "--store", url, *options], env=dict(os.environ)
    )
    async with Client(server) as client:
        yield client


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def served(folder: Path, url: str, *options: str) -> Iterator[int]:
    port = free_port()
    environment = {**os.environ, "TRIMTAB_MCP_TOKEN": "a token"}
    command = [TRIMTAB, "mcp", str(folder), "--store", url, "--http", "--port", str(port), *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as server:
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(10)


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; its text says what its structured content does."""
    result = await client.call_tool(f"trimtab_{name}", arguments)
    assert not result.is_error, result
    structured = result.structured_content
    assert structured is not None
    (text,) = result.content
    assert len(text.text) / 4 < 2000, "an answer stays under 2,000 tokens"  # type: ignore[union-attr]
    assert json.loads(text.text) == structured  # type: ignore[union-attr]
    return dict(structured)


async def refused(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(f"trimtab_{name}", arguments)
    assert result.is_error, result
    return str(result.content[0].text)  # type: ignore[union-attr]


async def until_over(client: Client, run: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Follow a run to its end; return the last status and all trials."""
    trials: list[dict[str, Any]] = []
    status: dict[str, Any] = {"state": "", "next": 0}
    deadline = time.monotonic() + 120
    while status["state"] not in {"ended", "failed", "dead"} and time.monotonic() < deadline:
        status = await call(client, "status", run=run, since=status["next"], wait_s=5)
        trials += status["trials"]
    while status["trials"]:
        status = await call(client, "status", run=run, since=status["next"])
        trials += status["trials"]
    return status, trials


async def whole_way(client: Client, folder: Path) -> None:
    """Draft, check, start, propose, watch, explain, verify, apply."""
    drafted = await call(client, "draft", source="python3 program.py --threads={threads}")
    assert "threads" in drafted["study"]
    wrong = await call(client, "check", study=STUDY.replace("low = 1,", "low = 99,"))
    assert not wrong["ok"]
    checked = await call(client, "check", study="study.toml")
    assert checked["ok"], checked
    started = await call(client, "start", study="study.toml", request="first")
    run = started["run"]
    assert (await call(client, "start", study="study.toml", request="first"))["run"] == run, "one request, one run"
    answer: dict[str, Any] = {"ok": False}
    deadline = time.monotonic() + 30
    while not answer["ok"] and time.monotonic() < deadline:  # the run opens its study
        answer = await call(client, "propose", run=run, ideas=IDEAS)
    fates = answer["ideas"]
    assert [each["state"] for each in fates] == ["waiting for its turn", "refused", "refused", "waiting for its turn"]
    assert "already waits" in fates[1]["reason"]
    assert "4000" in fates[2]["reason"]
    status, trials = await until_over(client, run)
    assert (status["state"], status["finished"], [each["trial"] for each in trials]) == ("ended", 12, [*range(12)])
    by_agent = [each for each in trials if each["source"] == "mcp"]
    assert by_agent[0]["trial"] <= 2, "an idea is among the first trials"
    assert by_agent[0]["configuration"] == {"cache": 48, "mode": "fast"}
    told = {each["idea"]: each for each in status["ideas"]}
    assert [told[1]["state"], told[2]["state"], told[3]["state"]] == ["complete", "refused", "refused"]
    assert told[1]["trial"] == by_agent[0]["trial"], "what became of ideas is known once the run is over"
    explained = await call(client, "explain", run=run)
    assert any("improved" in line for line in explained["lines"])
    verified = await call(client, "verify", run=run)
    assert verified["improved"]
    assert verified["low"] > 1
    shown = await call(client, "apply", run=run, file="best.json")
    assert not shown["written"]
    assert not (folder / "best.json").exists()
    written = await call(client, "apply", run=run, file="best.json", confirm=True)
    assert written["written"], written
    assert json.loads((folder / "best.json").read_text())["cache"] == 48


def test_the_whole_way_over_stdio(folder: Path, url: str) -> None:
    async def act() -> None:
        async with stdio(folder, url, "--allow-apply") as client:
            tools = (await client.list_tools()).tools
            assert len(tools) == 9
            described = json.dumps([each.model_dump(mode="json", exclude_none=True, by_alias=True) for each in tools])
            assert len(described) / 4 < 2500
            assert all(each.output_schema for each in tools)
            await whole_way(client, folder)

    asyncio.run(act())


def test_the_whole_way_over_http(folder: Path, url: str) -> None:
    async def act(port: int) -> None:
        headers = {"Authorization": "Bearer a token"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)) as client,
        ):
            await whole_way(client, folder)

    with served(folder, url, "--allow-apply") as port:
        asyncio.run(act(port))


def test_http_needs_the_token_and_a_host_of_this_machine(folder: Path, url: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    good = {**accept, "Authorization": "Bearer a token"}
    with served(folder, url) as port, httpx2.Client(timeout=20) as http:
        to = f"http://127.0.0.1:{port}/mcp"
        for headers, status in (
            (accept, 401),
            ({**accept, "Authorization": "Bearer another"}, 401),
            ({**good, "Host": "evil.example"}, 421),
            ({**good, "Origin": "http://evil.example"}, 403),
        ):
            assert http.post(to, json=body, headers=headers).status_code == status, headers


def test_without_consent_nothing_is_written(folder: Path, url: str) -> None:
    async def act() -> None:
        async with stdio(folder, url) as client:
            run = (await call(client, "start", study="study.toml", request="", planner="none"))["run"]
            await until_over(client, run)
            answer = await call(client, "apply", run=run, file="best.json", confirm=True)
            assert not answer["written"]
            assert "nobody agreed" in answer["said"]

    asyncio.run(act())
    assert not (folder / "best.json").exists()


def test_a_run_outlives_its_server_and_can_be_stopped_by_a_person(folder: Path, url: str) -> None:
    (folder / "study.toml").write_text(STUDY.replace("trials = 12", "trials = 400"))

    async def begin() -> str:
        async with stdio(folder, url) as client:
            return str((await call(client, "start", study="study.toml", request="x", planner="offline"))["run"])

    run = asyncio.run(begin())
    listed = subprocess.run([TRIMTAB, "runs", "--store", url], capture_output=True, text=True, timeout=60, check=True)
    assert run in listed.stdout
    store = Store(url)
    deadline = time.monotonic() + 60
    while not (store.run(run).study and len(store.trials(1)) > 3) and time.monotonic() < deadline:
        time.sleep(0.2)
    stopped = subprocess.run([TRIMTAB, "stop", run, "--store", url], capture_output=True, text=True, timeout=60)
    assert "stopping" in stopped.stdout, stopped
    attached = subprocess.run([TRIMTAB, "attach", run, "--store", url], capture_output=True, text=True, timeout=60)
    assert attached.returncode == 0, attached
    assert "trial   0" in attached.stdout
    assert store.run(run).state == "ended"
    assert [each.state for each in store.trials(1) if each.state == "running"] == []
    store.close()


def test_a_killed_run_is_dead_and_goes_on_with_resume(folder: Path, url: str) -> None:
    (folder / "study.toml").write_text(STUDY.replace("trials = 12", "trials = 30"))
    command = [TRIMTAB, "tune", "study.toml", "--detach", "--planner", "none", "--store", url]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout.split(":")[
        0
    ]
    store = Store(url)
    deadline = time.monotonic() + 60
    while not (store.run(run).study and len(store.trials(1)) > 3) and time.monotonic() < deadline:
        time.sleep(0.1)
    with store._database.reading() as connection:
        owner = connection.exec_driver_sql("SELECT owner FROM runs").scalar_one()
    os.kill(json.loads(owner)["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while store.run(run).state != "dead" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.run(run).state == "dead"
    again = subprocess.run([*command, "--resume"], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    other = again.stdout.split(":")[0]
    attached = subprocess.run([TRIMTAB, "attach", other, "--store", url], capture_output=True, text=True, timeout=120)
    assert attached.returncode == 0, attached
    assert [each.number for each in store.trials(1)] == [*range(30)]
    assert {each.state for each in store.trials(1)} == {"complete"}
    store.close()


def test_an_agent_goes_on_with_a_run_that_it_stopped(folder: Path, url: str) -> None:
    async def act() -> None:
        async with stdio(folder, url) as client:
            run = (await call(client, "start", study="study.toml", request="s", planner="none"))["run"]
            while len((await call(client, "status", run=run, wait_s=1))["trials"]) < 3:
                pass
            await call(client, "control", run=run, action="stop")
            stopped, _trials = await until_over(client, run)
            assert 3 <= stopped["finished"] < 12
            said = (await call(client, "control", run=run, action="resume"))["said"]
            status, trials = await until_over(client, said.split()[0])
            assert (status["study"], status["finished"]) == (stopped["study"], 12)
            assert [each["trial"] for each in trials] == [*range(12)]

    asyncio.run(act())


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    *[("status", {"run": run}) for run in ("", "nobody", "../x", "run-'; DROP TABLE runs", "a" * 121, 7)],
    *[("status", {"run": "nobody", **wrong}) for wrong in ({"since": -1}, {"wait_s": 1e9}, {"wait_s": "x"}, {"since": "a"})],
    *[("start", {"study": study, "request": "h"}) for study in (
        "", "missing.toml", "/etc/passwd", "../study.toml", "\0", "x = [\n", "[study]\nname = 'x'\n", "a\n" * 200_000,
        STUDY.replace("[evaluation]", "[evaluation]\nisolation = 'none'"),
        STUDY + "\n[executor]\nkind = 'ray'\naddress = 'evil.example:6379'\n",
        STUDY + "\n[service]\ncommand = ['true']\n", STUDY + "\n[code]\nfolder = '.'\n",
        STUDY + "\n[model]\nbase_url = 'http://evil.example/v1'\n", STUDY + "\n[surprise]\nx = 1\n",
        STUDY.replace("trials = 12", "trials = 12\ndollars = 3.0"),
    )],
    *[("start", {"study": "study.toml", "request": "h", **wrong}) for wrong in (
        {"trials": 0}, {"trials": -3}, {"trials": 10**9}, {"trials": "many"}, {"planner": "root"}, {"request": "r" * 121},
        {"request": None},
    )],
    *[("propose", {"run": "nobody", "ideas": ideas}) for ideas in ([], "x", [{}], [{"values": 3}], [{"values": {"a": []}}])],
    *[("control", {"run": "nobody", "action": action}) for action in ("", "pause", "kill", "propose", "budget", 3)],
    *[("explain", {"run": "nobody", **more}) for more in ({}, {"about": "keys"}, {"about": "trial", "trial": "x"})],
    *[("verify", {"run": run}) for run in ("nobody", "", None)],
    *[("apply", {"run": "nobody", "file": file, "confirm": True}) for file in ("x", "/etc/passwd", "../x", "")],
    ("draft", {"source": ""}), ("draft", {"source": "python3 program.py"}), ("draft", {}), ("nothing", {}), ("check", {}),
]  # fmt: skip


def test_hostile_calls_are_errors_and_leave_nothing(folder: Path, url: str) -> None:
    async def act() -> list[bool]:
        async with stdio(folder, url, "--most-trials", "50", "--most-dollars", "2") as client:
            found = []
            for name, arguments in HOSTILE:
                try:
                    result = await client.call_tool(f"trimtab_{name}", arguments)
                    found.append(bool(result.is_error))
                except Exception:  # noqa: BLE001  # the protocol's own errors are errors too
                    found.append(True)
            at_once = await asyncio.gather(*(refused(client, "status", run="nobody") for _ in range(50)))
            assert all("no run" in each for each in at_once)
            return found

    before = sorted(path.name for path in folder.iterdir())
    found = asyncio.run(act())
    assert [HOSTILE[index] for index, error in enumerate(found) if not error] == []
    store = Store(url)
    assert store.runs() == []
    assert store.studies() == []
    store.close()
    assert sorted(path.name for path in folder.iterdir() if "agents.db" not in path.name) == [
        each for each in before if "agents.db" not in each
    ]


def test_a_run_takes_no_more_than_it_may(folder: Path, url: str) -> None:
    (folder / "study.toml").write_text(STUDY.replace("trials = 12", "trials = 300"))

    async def act() -> None:
        async with stdio(folder, url) as client:
            run = (await call(client, "start", study="study.toml", request="c"))["run"]
            deadline = time.monotonic() + 30
            while not (await call(client, "status", run=run))["study"] and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            more = await call(client, "control", run=run, action="budget", trials=301)
            assert not more["ok"]
            assert "allowed 300 trials" in more["said"]
            for action, given in (
                ("freeze", {"parameter": "nobody", "value": 1}),
                ("narrow", {"parameter": "cache", "low": 9, "high": 1}),
                ("forbid", {"when": "__import__('os')", "reason": "x"}),
                ("budget", {}),
            ):
                answer = await call(client, "control", run=run, action=action, **given)
                assert not answer["ok"], (action, answer)
            frozen = await call(client, "control", run=run, action="freeze", parameter="mode", value="fast")
            assert frozen["ok"], frozen
            paused = await call(client, "control", run=run, action="pause")
            assert paused["ok"]
            idea = await call(client, "propose", run=run, ideas=[{"values": {"cache": 5, "mode": "slow"}}])
            assert idea["ideas"][0]["state"] == "refused", idea
            lowered = await call(client, "control", run=run, action="budget", trials=5)
            assert lowered["ok"]
            await call(client, "control", run=run, action="resume")
            await call(client, "control", run=run, action="stop")
            status, _trials = await until_over(client, run)
            assert status["state"] == "ended"

    asyncio.run(act())
