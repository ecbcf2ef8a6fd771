"""`trimtab mcp`: serves people's own agents, over standard input and output, or HTTP on this machine."""

import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from ....tools.errors import InputError
from ...memory.store import Store, default_url


def serve(
    folder: Path,
    store_url: str | None,
    *,
    http: bool,
    port: int,
    token: str,
    allow_apply: bool,
    most_trials: int,
    most_hours: float | None,
    most_dollars: float | None,
) -> None:
    """Serve until the client goes, or with `http` until interrupted.

    Raises:
        InputError: the extra is not installed, or the folder is none.
    """
    if find_spec("mcp") is None or find_spec("mcp.server.mcpserver") is None:
        raise InputError("trimtab mcp needs the package mcp, 2.3 or newer", "pip install 'trimtab[mcp]'")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", "name the one with the study files")
    from ..mcp.caps import Caps
    from ..mcp.server import http_app, run_stdio
    from ..mcp.service import Service

    url = store_url or default_url()
    caps = Caps(most_trials, most_hours, most_dollars)
    service = Service(Store(url), url, folder.resolve(), caps=caps)
    if not http:
        run_stdio(service, allow_apply=allow_apply)
        return
    import uvicorn

    given = token or secrets.token_urlsafe(24)
    sys.stderr.write(f"http://127.0.0.1:{port}/mcp\n")
    if not token:
        sys.stderr.write(f"Authorization: Bearer {given}\n")
    app = http_app(service, given, port, allow_apply=allow_apply)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
