"""An OpenAI-compatible endpoint on loopback that plays scripted replies: for tests of control flow, over real HTTP.

A reply is a `Reply`; `answer(...)`, `tool_call(...)` and `failure(...)` make the usual ones.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


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
    return _completion({"role": "assistant", "content": text}, input_tokens, output_tokens, finish)


def tool_call(name: str, arguments: dict[str, Any] | str, *, input_tokens: int = 100, output_tokens: int = 50) -> Reply:
    """Return a reply that calls a tool; `arguments` may be any text, to be malformed."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": f"call_{time.monotonic_ns()}", "type": "function", "function": {"name": name, "arguments": text}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return _completion(message, input_tokens, output_tokens, "tool_calls")


def failure(status: int, *, retry_after: float | None = None) -> Reply:
    """Return an error as OpenAI-compatible endpoints send it."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Reply(status, json.dumps({"error": {"message": f"scripted {status}", "type": "error"}}), headers)


def _completion(message: dict[str, Any], input_tokens: int, output_tokens: int, finish: str) -> Reply:
    usage = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "scripted", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice]}
    return Reply(body=json.dumps({**body, "usage": usage}))


def _streamed(body: str) -> str:
    """Return a completion as the server-sent events of a stream: the text in pieces of a few words, then the end."""
    whole = json.loads(body)
    message, finish = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    text = message.get("content") or ""
    pieces += [{"content": text[at : at + 40]} for at in range(0, len(text), 40)]
    if message.get("tool_calls"):
        pieces.append({"tool_calls": [{**call, "index": i} for i, call in enumerate(message["tool_calls"])]})
    base = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    chunks = [{**base, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**base, "choices": [], "usage": whole.get("usage")})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


class ScriptedEndpoint:
    """Serves replies in order, then `otherwise` for ever. Use it as a context manager; `requests` keeps the bodies."""

    def __init__(
        self, replies: Iterable[Reply] = (), otherwise: Callable[[dict[str, Any]], Reply] | None = None
    ) -> None:
        self._replies = iter(list(replies))
        self._otherwise = otherwise or (lambda _request: failure(500))
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
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
            reply = next(self._replies, None)
        return reply if reply is not None else self._otherwise(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                request = json.loads(self.rfile.read(length) or b"{}")
                reply = endpoint._next(request)
                time.sleep(reply.delay_s)
                if request.get("stream") and reply.status == 200:
                    reply = Reply(body=_streamed(reply.body), headers={"content-type": "text/event-stream"})
                if reply.drop:
                    self.close_connection = True
                    return
                with contextlib.suppress(ConnectionError):  # a client that gave up
                    self._send(reply)

            def _send(self, reply: Reply) -> None:
                body = reply.body.encode()
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        return Handler
