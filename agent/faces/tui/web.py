"""Serves the application to a browser on this machine, with textual-serve, behind a token."""

import logging
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ....tools.errors import InputError

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

_HOST = "127.0.0.1"
_COOKIE = "trimtab-token"


def serve(arguments: list[str], port: int) -> None:
    """Serve `trimtab chat` with these arguments on loopback until it is interrupted.

    Raises:
        InputError: textual-serve is not installed, or the port cannot be had.
    """
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ImportError:
        raise InputError("--web needs textual-serve", "pip install 'trimtab[web]'") from None
    listening = listen(port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(16)
    _log_without(token)

    class Guarded(Server):
        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guard(token, port))
            return app

        async def on_startup(self, _app: web.Application) -> None:
            typer.echo(f"open http://{_HOST}:{port}/?token={token}")

    program = [sys.executable, "-m", "trimtab.agent.faces.cli", "chat", *arguments]
    page = Path(__file__).with_name("templates")  # textual-serve's own asks another host for a font
    server = Guarded(shlex.join(program), host=_HOST, port=port, title="trimtab", templates_path=page)
    web.run_app(server._make_app(), sock=listening, access_log=None, print=None)  # noqa: SLF001  # its serve() logs


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; port 0 is any free one.

    Raises:
        InputError: the port is taken, not allowed, or none.
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((_HOST, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or "there is no such port"
        raise InputError(f"--port {port}: {reason.lower()}", "name another one, or 0 for any that is free") from None
    return found


def guard(token: str, port: int) -> "Middleware":
    """Return what lets only those in who know the token and come from a page of ours.

    A page of another site may open a websocket here, with our cookie: its origin gives it away. A name of another site
    that resolves to this machine shows as the host.
    """
    from aiohttp import web

    hosts = {f"{_HOST}:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    @web.middleware
    async def guarded(request: web.Request, handler: object) -> web.StreamResponse:
        given = request.query.get("token") or request.cookies.get(_COOKIE) or ""
        if not secrets.compare_digest(given.encode(errors="replace"), token.encode()):
            raise web.HTTPForbidden(text="open the address that trimtab printed: it carries a token")
        if request.headers.get("Origin", f"http://{_HOST}:{port}") not in origins or request.host not in hosts:
            raise web.HTTPForbidden(text="this page is for this machine only")
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        if not response.prepared:
            response.set_cookie(_COOKIE, token, httponly=True, samesite="Strict")
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response

    return guarded


def _log_without(token: str) -> None:
    """Log warnings and errors on standard error, never the token, whatever a request or a traceback holds."""

    class Redacted(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record).replace(token, "[removed]")

    handler = logging.StreamHandler()
    handler.setFormatter(Redacted("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
