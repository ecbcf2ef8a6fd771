"""An OpenAI-compatible endpoint on loopback that plays scripted replies: for tests of control flow, over real HTTP.

A reply is a `Reply`; `answer(...)`, `tool_call(...)` and `failure(...)` make the usual ones, `reply(...)` and
`refusing(...)` those of endpoints as they are.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Self

_numbers = count(1)


@dataclass(frozen=True)
class Reply:
    """What the endpoint answers: an HTTP status with a body and headers, after a delay; a dropped connection."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False


def answer(text: str, *, input_tokens: int = 100, output_tokens: int = 50, finish: str = "stop") -> Reply:
    """Return a reply with a message of the assistant."""
    return reply({"content": text}, usage=usage(input_tokens, output_tokens), finish=finish)


def tool_call(name: str, arguments: Any, *, input_tokens: int = 100, output_tokens: int = 50) -> Reply:
    """Return a reply that calls a tool; `arguments` may be any text, to be malformed."""
    return reply({"tool_calls": [call(name, arguments)]}, usage=usage(input_tokens, output_tokens), finish="tool_calls")


def call(name: str, arguments: Any) -> dict[str, Any]:
    """Return one call of a tool, for a message that makes several or is odd in other ways."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"call_{next(_numbers)}", "type": "function", "function": {"name": name, "arguments": text}}


def usage(input_tokens: Any, output_tokens: Any, **more: Any) -> dict[str, Any]:
    """Return usage as endpoints report it, true or not."""
    return {"prompt_tokens": input_tokens, "completion_tokens": output_tokens, "total_tokens": None, **more}


def reply(message: dict[str, Any], *, usage: Any = None, finish: str | None = "stop") -> Reply:
    """Return a completion with any message: its text, calls, refusal, and fields that nobody expects."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    body = {"id": "scripted", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice]}
    return Reply(body=json.dumps({**body, **({} if usage is None else {"usage": usage})}))


def failure(
    status: int, *, retry_after: float | None = None, message: str | None = None, param: str | None = None
) -> Reply:
    """Return an error as OpenAI-compatible endpoints send it; `param` is the setting they name in it."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    error = {"message": message or f"scripted {status}", "type": "error", "param": param}
    return Reply(status, json.dumps({"error": error}), headers)


def refusing(setting: str, otherwise: Callable[[dict[str, Any]], Reply]) -> Callable[[dict[str, Any]], Reply]:
    """Return the answers of an endpoint that takes no request with a setting."""
    refusal = failure(400, message=f"Unsupported parameter: '{setting}' is not supported with this model")
    return lambda request: refusal if setting in request else otherwise(request)


def _streamed(body: str) -> str:
    """Return a completion as the server-sent events of a stream: the text in pieces of a few words, then the end."""
    whole = json.loads(body)
    message, finish = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    text = message.get("content") or ""
    pieces += [{"content": text[at : at + 40]} for at in range(0, len(text), 40)]
    for index, made in enumerate(message.get("tool_calls") or ()):
        arguments = made["function"]["arguments"]
        pieces.append({"tool_calls": [{**made, "index": index, "function": {**made["function"], "arguments": ""}}]})
        cuts = [arguments[at : at + 40] for at in range(0, len(arguments), 40)]
        pieces += [{"tool_calls": [{"index": index, "function": {"arguments": cut}}]} for cut in cuts]
    if message.get("refusal"):
        pieces.append({"refusal": message["refusal"]})
    base = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    chunks = [{**base, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**base, "choices": [], "usage": whole.get("usage")})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


class ScriptedEndpoint:
    """Serves replies in order, then `otherwise` for ever. Use it as a context manager.

    `requests` keeps the bodies of what was asked, `keys` the keys it was asked with; `models` are those it lists, and
    looking at the list is no request.
    """

    def __init__(
        self, replies: Iterable[Reply] = (), otherwise: Callable[[dict[str, Any]], Reply] | None = None
    ) -> None:
        self._replies = iter(list(replies))
        self._otherwise = otherwise or (lambda _request: failure(500))
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.models: tuple[str, ...] = ("scripted",)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self, request: dict[str, Any]) -> Reply:
        with self._lock:
            self.requests.append(request)
            found = next(self._replies, None)
        return found if found is not None else self._otherwise(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
                listed = [{"id": name, "object": "model"} for name in endpoint.models]
                self._send(Reply(body=json.dumps({"object": "list", "data": listed})))

            def do_POST(self) -> None:
                endpoint.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
                length = int(self.headers.get("content-length", 0))
                request = json.loads(self.rfile.read(length) or b"{}")
                found = endpoint._next(request)
                time.sleep(found.delay_s)
                if request.get("stream") and found.status == 200:
                    found = Reply(body=_streamed(found.body), headers={"content-type": "text/event-stream"})
                if found.drop:
                    self.close_connection = True
                    return
                with contextlib.suppress(ConnectionError):  # a client that gave up
                    self._send(found)

            def _send(self, reply: Reply) -> None:
                body = reply.body.encode(errors="surrogatepass")
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        return Handler
