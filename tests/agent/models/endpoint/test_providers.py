"""Each provider through LangChain's own package, against a local stub that speaks its wire format."""

import asyncio
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from trimtab.agent.budget import Ledger
from trimtab.agent.models.choice import choose
from trimtab.agent.models.endpoint.endings import ending_of
from trimtab.agent.models.endpoint.facts import Facts
from trimtab.agent.models.endpoint.providers import known_providers, provider_named, response_format
from trimtab.agent.models.metering.meter import ModelCallError
from trimtab.agent.models.opened import OpenedModel, meter_of
from trimtab.agent.models.settings import ModelSection

KEY = "sk-planted-0123456789abcdef"
TOOL = {
    "type": "function",
    "function": {
        "name": "propose",
        "description": "Propose.",
        "parameters": {"type": "object", "properties": {"x": {"type": "number"}}},
    },
}
ASKED = [SystemMessage("you tune"), HumanMessage("go on")]


class Stub:
    """Answers every request with what `reply` makes of (path, body); None is an error about tools."""

    def __init__(self, reply: Callable[[str, dict[str, Any]], dict[str, Any] | None]) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(404, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
                stub.seen.append((self.path, body))
                found = reply(self.path, body)
                said = {"message": "this model does not support tools", "type": "invalid_request_error"}
                self._send(200, found) if found is not None else self._send(400, {"error": said, **said})

            def _send(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode() + b"\n"
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    started: list[Stub] = []

    def start(reply: Callable[[str, dict[str, Any]], dict[str, Any] | None]) -> Stub:
        started.append(Stub(reply))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


def anthropic(content: list[dict[str, Any]], stop: str) -> dict[str, Any]:
    usage = {"input_tokens": 70, "output_tokens": 30}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content}
    return {**message, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def google(parts: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    usage = {"promptTokenCount": 70, "candidatesTokenCount": 30, "totalTokenCount": 100}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}


def ollama(message: dict[str, Any], reason: str) -> dict[str, Any]:
    about = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": reason}
    return {**about, "message": {"role": "assistant", **message}, "prompt_eval_count": 70, "eval_count": 30}


def bedrock(content: list[dict[str, Any]], stop: str) -> dict[str, Any]:
    usage = {"inputTokens": 70, "outputTokens": 30, "totalTokens": 100}
    message = {"message": {"role": "assistant", "content": content}}
    return {"output": message, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}}


class Wire:
    """What one provider sends for a call of a tool, for text, and for an answer that was cut off."""

    def __init__(self, package: str, name: str, path: str, *replies: dict[str, Any], limit: str, key: str = "") -> None:
        self.package, self.name, self.path, self.limit, self.key = package, name, path, limit, key
        self.tool, self.text, self.cut = replies


WIRES = {
    "anthropic": Wire(
        "langchain_anthropic",
        "claude-sonnet-4",
        "/v1/messages",
        anthropic([{"type": "tool_use", "id": "t1", "name": "propose", "input": {"x": 0.5}}], "tool_use"),
        anthropic([{"type": "text", "text": "hello"}], "end_turn"),
        anthropic([{"type": "text", "text": ""}], "max_tokens"),
        limit="max_tokens",
        key="ANTHROPIC_API_KEY",
    ),
    "google_genai": Wire(
        "langchain_google_genai",
        "gemini-2.5-flash",
        "models/gemini-2.5-flash:generateContent",
        google([{"functionCall": {"name": "propose", "args": {"x": 0.5}}}], "STOP"),
        google([{"text": "hello"}], "STOP"),
        google([{"text": ""}], "MAX_TOKENS"),
        limit="maxOutputTokens",
        key="GOOGLE_API_KEY",
    ),
    "ollama": Wire(
        "langchain_ollama",
        "qwen3",
        "/api/chat",
        ollama({"content": "", "tool_calls": [{"function": {"name": "propose", "arguments": {"x": 0.5}}}]}, "stop"),
        ollama({"content": "hello"}, "stop"),
        ollama({"content": ""}, "length"),
        limit="num_predict",
    ),
    "bedrock_converse": Wire(
        "langchain_aws",
        "amazon.nova-lite-v1:0",
        "/model/amazon.nova-lite-v1%3A0/converse",
        bedrock([{"toolUse": {"toolUseId": "t1", "name": "propose", "input": {"x": 0.5}}}], "tool_use"),
        bedrock([{"text": "hello"}], "end_turn"),
        bedrock([{"text": ""}], "max_tokens"),
        limit="maxTokens",
    ),
}


@pytest.fixture(params=list(WIRES))
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wire:
    found = WIRES[request.param]
    pytest.importorskip(found.package, reason=f"the extra {provider_named(request.param).extra!r} is not installed")
    monkeypatch.setenv(found.key or "UNUSED", KEY)
    for name, value in {"ACCESS_KEY_ID": "none", "SECRET_ACCESS_KEY": KEY, "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return found


def opened(wire: Wire, url: str, **settings: Any) -> OpenedModel:
    provider = next(name for name, each in WIRES.items() if each is wire)
    section = ModelSection(name=f"{provider}:{wire.name}", base_url=url, backoff_s=0.0, retries=0, **settings)
    resolved = choose(section).model
    assert resolved is not None
    meter = meter_of(section, resolved, Ledger({}, {}), price=None, temperature=0.7, facts=Facts())
    return OpenedModel(section, resolved, meter)


def ask(at: OpenedModel, **settings: Any) -> AIMessage:
    async def once() -> AIMessage:
        model = await at.ready()
        try:
            tools = settings.pop("tools", None)
            bound = model.bind_tools(tools, **settings) if tools else model.bind(**settings)
            return await bound.ainvoke(ASKED)
        finally:
            await at.close()

    return asyncio.run(once())


def flat(body: Any) -> dict[str, Any]:
    """Return all names of a request with their values, however deep."""
    found: dict[str, Any] = {}
    for name, value in body.items() if isinstance(body, dict) else []:
        found |= {name: value, **flat(value)}
    return found


def test_a_tool_is_called_and_the_last_call_can_be_forced(wire: Wire, stub: Callable[..., Stub]) -> None:
    at = stub(lambda _path, _body: wire.tool)
    model = opened(wire, at.url, max_output_tokens=777)
    answer = ask(model, tools=[TOOL], tool_choice="propose")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("propose", {"x": 0.5})]
    assert (model.meter.ledger.spent["input_tokens"], model.meter.ledger.spent["output_tokens"]) == (70, 30)
    path, body = at.seen[0]
    assert path.endswith(wire.path)
    assert flat(body)[wire.limit] == 777
    assert flat(body)["temperature"] == 0.7
    assert KEY not in json.dumps(body)
    if wire.package != "langchain_ollama":  # it has no way to force a tool
        chosen = {name: value for name, value in flat(body).items() if "choice" in name.lower() or "Config" in name}
        assert "propose" in json.dumps(chosen)


def test_text_and_its_end_have_one_form(wire: Wire, stub: Callable[..., Stub]) -> None:
    answer = ask(opened(wire, stub(lambda _path, _body: wire.text).url))
    assert answer.text == "hello"
    assert ending_of(answer, 100) is None
    cut = ending_of(ask(opened(wire, stub(lambda _path, _body: wire.cut).url)), 100)
    assert cut is not None
    assert cut.code == "length"


def test_an_answer_can_be_bound_to_a_schema_where_the_provider_does_so(wire: Wire, stub: Callable[..., Stub]) -> None:
    at = stub(lambda _path, _body: wire.text)
    ask(opened(wire, at.url), response_format=response_format({"type": "object", "properties": {"marked": {}}}))
    has = provider_named(next(name for name, each in WIRES.items() if each is wire)).schema != "none"
    assert ("marked" in json.dumps(at.seen[0][1])) == has


def test_a_refusal_of_tools_is_known_as_one(wire: Wire, stub: Callable[..., Stub]) -> None:
    model = opened(wire, stub(lambda _path, _body: None).url)
    with pytest.raises(ModelCallError) as error:
        ask(model, tools=[TOOL])
    assert error.value.failure.kind == "bad_request"
    assert error.value.failure.parameter == "tools"
    assert model.meter.ledger.spent["calls"] == 1, "it is not retried below us"


def test_every_event_loop_gets_an_answer(wire: Wire, stub: Callable[..., Stub]) -> None:
    url = stub(lambda _path, _body: wire.text).url
    assert [ask(opened(wire, url)).text for _ in range(3)] == ["hello"] * 3


def test_the_extras_are_those_of_the_table(root: Path) -> None:
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    assert {each.extra for name in known_providers() if (each := provider_named(name)).extra} <= extras
