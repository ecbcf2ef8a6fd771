"""`trimtab mcp`: serves people's own agents, over standard input and output, or HTTP on this machine."""

import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from ....tools.errors import InputError
from ...memory.store import Store, default_url


def serve(
    folder: Path, store_url: str | None, *, http: bool, port: int, token: str, allow_apply: bool, most: int
) -> None:
    """Serve until the client goes, or with `http` until interrupted.

    Raises:
        InputError: the extra is not installed, or the folder is none.
    """
    if find_spec("mcp") is None or find_spec("mcp.server.mcpserver") is None:
        raise InputError("trimtab mcp needs the package mcp, 2.3 or newer", "pip install 'trimtab[mcp]'")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", "name the one with the study files")
    from ..mcp.server import http_app, run_stdio
    from ..mcp.service import Service

    url = store_url or default_url()
    store = Store(url)
    if not http:
        run_stdio(store, url, folder.resolve(), allow_apply=allow_apply, most_trials=most)
        return
    import uvicorn

    given = token or secrets.token_urlsafe(24)
    sys.stderr.write(f"http://127.0.0.1:{port}/mcp\n")
    if not token:
        sys.stderr.write(f"Authorization: Bearer {given}\n")
    service = Service(store, url, folder.resolve(), most_trials=most)
    app = http_app(service, given, port, allow_apply=allow_apply)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
