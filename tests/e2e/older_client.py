"""The whole way of an agent over a client of the SDK's 1.x line: `python older_client.py TRIMTAB FOLDER STORE [PORT]`.

Runs in an environment of its own, which has that line of the SDK and not trimtab. Prints what came as JSON.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

IDEAS = [{"values": {"cache": 48, "mode": "fast"}, "rationale": "it fits"}, {"values": {"cache": 4000}}]


async def whole_way(session: ClientSession) -> dict[str, object]:
    """Draft, check, start, propose, watch, verify, apply."""
    await session.initialize()
    tools = (await session.list_tools()).tools

    async def call(name: str, **arguments: object) -> dict[str, object]:
        result = await session.call_tool(f"trimtab_{name}", arguments, timedelta(seconds=60))
        assert not result.isError, result
        return dict(result.structuredContent)

    assert "threads" in (await call("draft", source="python3 program.py --threads={threads}"))["study"]
    assert (await call("check", study="study.toml"))["ok"]
    run = (await call("start", study="study.toml", request="older"))["run"]
    answer: dict[str, object] = {"ok": False}
    for _ in range(200):
        answer = await call("propose", run=run, ideas=IDEAS)
        if answer["ok"]:
            break
        await asyncio.sleep(0.1)
    status: dict[str, object] = {"state": "", "next": 0}
    trials: list[dict[str, object]] = []
    while status["state"] not in {"ended", "failed", "dead"} or status["trials"]:
        status = await call("status", run=run, since=status["next"], wait_s=5)
        trials += status["trials"]
    verified = await call("verify", run=run)
    applied = await call("apply", run=run, file="best.json", confirm=True)
    return {
        "tools": len(tools), "fates": [each["state"] for each in answer["ideas"]], "state": status["state"],
        "trials": [each["trial"] for each in trials], "sources": [each["source"] for each in trials],
        "improved": verified["improved"], "written": applied["written"],
    }  # fmt: skip


async def main(trimtab: str, folder: str, store: str, port: str = "") -> None:
    """Do it over stdio, or over HTTP where a port is given."""
    if port:
        headers = {"Authorization": "Bearer a token"}
        opened = streamablehttp_client(f"http://127.0.0.1:{port}/mcp", headers=headers)
    else:
        arguments = ["mcp", folder, "--store", store, "--allow-apply"]
        opened = stdio_client(StdioServerParameters(command=trimtab, args=arguments, env=dict(os.environ)))
    async with opened as streams, ClientSession(*streams[:2]) as session:
        print(json.dumps(await whole_way(session)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
