"""Serves the application to a browser on this machine, with textual-serve, behind a token."""

import secrets
import shlex
import sys
from pathlib import Path

import typer

from ....tools.errors import InputError

_COOKIE = "trimtab-token"


def serve(arguments: list[str], port: int) -> None:
    """Serve `trimtab chat` with these arguments on loopback until it is interrupted.

    Raises:
        InputError: textual-serve is not installed.
    """
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ImportError:
        raise InputError("--web needs textual-serve", "pip install 'trimtab[web]'") from None
    token = secrets.token_urlsafe(16)

    @web.middleware
    async def guarded(request: web.Request, handler: object) -> web.StreamResponse:
        given = request.query.get("token") or request.cookies.get(_COOKIE) or ""
        if not secrets.compare_digest(given, token):
            raise web.HTTPForbidden(text="open the address that trimtab printed: it carries a token")
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        if not response.prepared:
            response.set_cookie(_COOKIE, token, httponly=True, samesite="Strict")
        return response

    class Guarded(Server):
        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guarded)
            return app

        async def on_startup(self, _app: web.Application) -> None:
            typer.echo(f"open http://127.0.0.1:{port}/?token={token}")

    program = [sys.executable, "-m", "trimtab.agent.faces.cli", "chat", *arguments]
    page = Path(__file__).with_name("templates")  # textual-serve's own asks another host for a font
    Guarded(shlex.join(program), host="127.0.0.1", port=port, title="trimtab", templates_path=page).serve()
