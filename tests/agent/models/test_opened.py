"""Opening a model and calling it: streams, event loops, endpoints that send too much, processes that end."""

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from trimtab.agent.budget import Ledger
from trimtab.agent.models import local
from trimtab.agent.models.endpoint.facts import Facts
from trimtab.agent.models.metering.meter import CallRecord, Meter, ModelCallError
from trimtab.agent.models.opened import OpenedModel, meter_of
from trimtab.agent.models.scripted import (
    Reply,
    ScriptedEndpoint,
    answer,
    call,
    failure,
    refusing,
    reply,
    tool_call,
    usage,
)
from trimtab.agent.models.settings import ModelSection, ResolvedModel

KEY = "sk-planted-0123456789abcdef"
ASKED = [HumanMessage("hello")]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def opened(endpoint: ScriptedEndpoint | str, calls: list[CallRecord] | None = None, **settings: Any) -> OpenedModel:
    url = endpoint if isinstance(endpoint, str) else endpoint.base_url
    section = ModelSection(backoff_s=0.0, retries=0, **settings)
    resolved = ResolvedModel("openai", "scripted", "", url)
    meter: Meter = meter_of(section, resolved, Ledger({}, {}), price=None, temperature=0.7, facts=Facts())
    if calls is not None:
        meter.on_call = calls.append
    return OpenedModel(section, resolved, meter)


async def streamed(at: OpenedModel, **settings: Any) -> tuple[list[str], AIMessageChunk]:
    """Return the pieces of text of a streamed answer, and all of it."""
    model = await at.ready()
    pieces: list[AIMessageChunk] = []
    try:
        async for piece in model.astream(ASKED, **settings):
            assert isinstance(piece, AIMessageChunk)
            pieces.append(piece)
    finally:
        await at.close()
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return [str(piece.text) for piece in pieces], whole


def test_a_stream_arrives_in_pieces_and_is_billed_once() -> None:
    calls: list[CallRecord] = []
    text = "word " * 100
    with ScriptedEndpoint([answer(text, input_tokens=70, output_tokens=30)]) as endpoint:
        pieces, whole = asyncio.run(streamed(opened(endpoint, calls)))
        assert endpoint.requests[0]["stream_options"] == {"include_usage": True}
    assert len(pieces) > 5
    assert str(whole.text) == text
    assert [(each.outcome, each.input_tokens, each.output_tokens) for each in calls] == [("ok", 70, 30)]


def test_calls_of_tools_arrive_whole_and_safe() -> None:
    arguments = {"proposals": [{"values": {"x": 0.5}, "rationale": KEY + "\ud800" * 100}]}
    with ScriptedEndpoint([tool_call("propose", arguments)]) as endpoint:
        _pieces, whole = asyncio.run(streamed(opened(endpoint)))
    (made,) = whole.tool_calls
    assert made["name"] == "propose"
    assert made["args"]["proposals"][0]["values"] == {"x": 0.5}
    assert KEY not in json.dumps(made)
    json.dumps(made, ensure_ascii=False).encode()


def test_a_key_that_arrives_in_pieces_is_removed() -> None:
    text = f"{'so ' * 12}my key is {KEY} and that is all"  # the pieces of the endpoint cut through it
    with ScriptedEndpoint([answer(text)]) as endpoint:
        pieces, whole = asyncio.run(streamed(opened(endpoint)))
    assert KEY not in str(whole.text)
    assert "my key is [removed] and that is all" in str(whole.text)
    assert not any(KEY[:8] in piece for piece in pieces)


@pytest.mark.parametrize("setting", ["stream_options", "temperature", "max_completion_tokens"])
def test_a_stream_leaves_out_what_the_endpoint_refuses(setting: str) -> None:
    with ScriptedEndpoint(otherwise=refusing(setting, lambda _r: answer("well done"))) as endpoint:
        _pieces, whole = asyncio.run(streamed(opened(endpoint)))
        assert setting not in endpoint.requests[-1]
    assert str(whole.text) == "well done"


BROKEN: dict[str, tuple[Reply, str]] = {
    "a call cut off": (reply({"tool_calls": [call("go", '{"a": [1, 2')]}, finish="length"), "max_output_tokens"),
    "a broken call": (tool_call("go", '{"a": '), "not JSON"),
    "nothing": (answer(""), "empty"),
    "a filter": (answer("", finish="content_filter"), "content filter"),
    "cut off before the answer": (answer("", finish="length"), "max_output_tokens"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_streamed_answer_of_no_use_says_why(kind: str) -> None:
    given, words = BROKEN[kind]
    with ScriptedEndpoint([given]) as endpoint, pytest.raises(ModelCallError, match=words):
        asyncio.run(streamed(opened(endpoint)))


def test_time_that_a_reader_takes_is_not_the_endpoints() -> None:
    async def slowly(at: OpenedModel) -> str:
        model, found = await at.ready(), ""
        async for piece in model.astream(ASKED):
            found += str(piece.text)
            await asyncio.sleep(0.05)
        await at.close()
        return found

    with ScriptedEndpoint([answer("word " * 150)]) as endpoint:
        assert asyncio.run(slowly(opened(endpoint, timeout_s=0.5))) == "word " * 150


def test_a_stream_that_is_broken_off_is_billed_and_lets_go() -> None:
    calls: list[CallRecord] = []

    async def some(at: OpenedModel) -> None:
        model = await at.ready()
        stream = model.astream(ASKED)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # LangChain's iterator is a generator
        await at.close()

    with ScriptedEndpoint([answer("word " * 1000)]) as endpoint:
        asyncio.run(some(opened(endpoint, calls)))
    assert [each.outcome for each in calls] == ["cancelled"]
    assert calls[0].input_tokens > 0


def test_one_model_serves_many_event_loops() -> None:
    with ScriptedEndpoint(otherwise=lambda _r: answer("here")) as endpoint:
        at = opened(endpoint)

        async def once() -> str:
            return str((await (await at.ready()).ainvoke(ASKED)).text)

        assert [asyncio.run(once()) for _ in range(3)] == ["here"] * 3
        assert len(endpoint.requests) == 3
    gc.collect()


@pytest.fixture
def flood() -> Iterator[Callable[[bytes, str], str]]:
    """An endpoint that answers every request with the same bytes for ever."""
    servers = []

    def start(part: bytes, kind: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(part)
                except OSError:
                    return

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_answer_without_end_is_not_read(flood: Callable[[bytes, str], str]) -> None:
    async def ask(at: OpenedModel) -> None:
        await (await at.ready()).ainvoke(ASKED)

    at = opened(flood(b"[" * 65536, "application/json"), timeout_s=60)
    with pytest.raises(ModelCallError, match="more than any answer can be") as error:
        asyncio.run(ask(at))
    assert error.value.failure.kind == "too_large"
    assert not error.value.failure.retriable


def test_a_stream_without_end_is_cut(flood: Callable[[bytes, str], str]) -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    piece = {**chunk, "choices": [{"index": 0, "delta": {"content": "blah " * 2000}, "finish_reason": None}]}
    at = opened(flood(f"data: {json.dumps(piece)}\n\n".encode(), "text/event-stream"), timeout_s=60)
    _pieces, whole = asyncio.run(streamed(at))
    assert 200_000 <= len(str(whole.text)) < 300_000


ODD: dict[str, str] = {
    "no choices": "{}",
    "null choices": '{"choices": null}',
    "empty choices": '{"choices": []}',
    "no message": '{"choices": [{"index": 0}]}',
    "an error in a success": '{"error": {"message": "overloaded"}}',
    "no JSON": "<html>gateway</html>",
    "a number": "7",
    "nested for ever": "[" * 100_000,
    "a list": "[]",
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_body_is_one_failed_call(kind: str) -> None:
    async def ask(at: OpenedModel) -> None:
        try:
            await (await at.ready()).ainvoke(ASKED)
        finally:
            await at.close()

    with ScriptedEndpoint([Reply(body=ODD[kind])]) as endpoint, pytest.raises(ModelCallError) as error:
        asyncio.run(ask(opened(endpoint)))
    assert error.value.failure.kind == "invalid_response"


def test_odd_parts_of_an_answer_are_passed_over() -> None:
    calls = [call("a", {}), {"id": None, "function": {"name": None, "arguments": None}}, {"function": "x"}, 7, None]
    odd = reply({"content": ["x"], "tool_calls": calls}, usage=usage([1], {"a": 1}), finish="tool_calls")

    async def ask(at: OpenedModel) -> Any:
        found = await (await at.ready()).ainvoke(ASKED)
        await at.close()
        return found

    with ScriptedEndpoint([odd]) as endpoint:
        found = asyncio.run(ask(opened(endpoint)))
    assert [each["name"] for each in found.tool_calls] == ["a"]


def test_retries_are_counted_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[CallRecord] = []

    async def ask(at: OpenedModel) -> None:
        try:
            await (await at.ready()).ainvoke(ASKED)
        finally:
            await at.close()

    with ScriptedEndpoint(otherwise=lambda _r: failure(503)) as endpoint:
        at = opened(endpoint, calls)
        at.meter.retries = 2
        with pytest.raises(ModelCallError):
            asyncio.run(ask(at))
    assert [(each.outcome, each.attempt) for each in calls] == [("server_error", n) for n in range(3)]


# The embedded model's process

SERVER = """
import sys, time
mode = sys.argv[1]
if mode == "good":
    print('{"address": "http://127.0.0.1:1"}', flush=True)
    sys.stdin.read()
elif mode == "slow":
    time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "server.py"
    file.write_text(SERVER)
    monkeypatch.setattr(local, "_SERVER", file)


def children() -> set[int]:
    """Return the processes that this one has started and not buried."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(entry.parent.name))
    return found


@pytest.mark.usefixtures("server")
def test_a_local_server_outlives_the_event_loop_that_started_it() -> None:
    started = asyncio.run(local.start_local("good", 1))
    assert started.base_url == "http://127.0.0.1:1/v1"
    assert started.process.poll() is None
    asyncio.run(started.close())
    assert started.process.returncode is not None


@pytest.mark.usefixtures("server")
def test_a_server_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(local.LocalServerError, match="did not start"):
        asyncio.run(local.start_local("none", 1))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("after_s", [0.0, 0.2])
def test_who_stops_waiting_for_a_local_server_leaves_no_process(after_s: float) -> None:
    before = children()

    async def cancelled() -> None:
        task = asyncio.create_task(local.start_local("slow", 1))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(cancelled())
    assert children() <= before
    assert time.monotonic() - began < 60, "the thread that read from it is gone too"


@pytest.mark.usefixtures("server")
def test_a_local_server_that_is_too_slow_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_START_S", 0.2)
    before = children()
    with pytest.raises(local.LocalServerError):
        asyncio.run(local.start_local("slow", 1))
    assert children() <= before
    assert sys.exc_info() == (None, None, None)
