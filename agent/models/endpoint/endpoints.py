"""Addresses of endpoints: how they are written, whether one is there, and which models it lists. No model is asked."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from ....tools.errors import InputError
from ..safe_text import safe

_PATIENCE_S = 5.0
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered when it was asked for its models: why it cannot be used ('' when it can), and names."""

    trouble: str = ""
    models: tuple[str, ...] = ()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a key must not go where nobody sent it."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def normal(url: str) -> str:
    """Return an address in one form: equal for equal endpoints.

    Raises:
        InputError: it is no address of a web server.
    """
    try:
        parts = urllib.parse.urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urllib.parse.urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"{safe(url, 200)!r} is no address of an endpoint", "write http://HOST:PORT/v1")
    port = port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"


def shown(url: str) -> str:
    """Return an address for people: without a password that it may hold."""
    parts = urllib.parse.urlsplit(url)
    return safe(urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), 200)


def ask_for_models(base_url: str, key: str | None) -> Answer:
    """Return whether an endpoint is there, and which models it lists; any answer but a refused key shows that it is."""
    url = f"{normal(base_url) and base_url.rstrip('/')}/models"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310  # checked above
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=_PATIENCE_S) as response:
            return Answer(models=_listed(response.read(_LONGEST)))
    except urllib.error.HTTPError as error:
        error.close()
        return Answer(f"it refuses the key (HTTP {error.code})" if error.code == 401 else "")
    except (OSError, HTTPException, ValueError) as error:
        return Answer(_reason(error))


def _listed(body: bytes) -> tuple[str, ...]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    entries = found.get("data") if isinstance(found, dict) else found
    names = [each.get("id") for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return tuple(safe(name, 150) for name in names[:1000] if isinstance(name, str) and name)


def _reason(error: BaseException) -> str:
    """Return why an endpoint could not be reached, in a few words."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"it did not answer within {_PATIENCE_S:g} s"
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return f"it cannot be reached: {safe(text or type(inner).__name__, 120)}"
