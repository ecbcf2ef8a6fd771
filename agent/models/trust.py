"""Whether an endpoint that a study file names may get the study and the user's key: asked once per endpoint.

The user's own endpoint is the one in the environment or in the user's file, which may trust others too. What else was
trusted is kept in the user's data directory.
"""

import json
from collections.abc import Callable
from pathlib import Path

from ...tools.errors import InputError
from ..place import data_directory
from ..user_file import user_file
from .endpoint.endpoints import normal, shown
from .preferences import endpoint_of, own_endpoint
from .settings import ModelSection


class UntrustedEndpointError(InputError):
    """A study names an endpoint that nobody has said may be used."""


def require_trust(section: ModelSection, *, given: bool = False, ask: Callable[[str], bool] | None = None) -> None:
    """Return when a study file's endpoint may be used. `given` trusts it from now on; `ask` asks a person, who may.

    Raises:
        UntrustedEndpointError: it may not.
    """
    url = endpoint_of(section)
    if url is None or is_trusted(url):
        return
    about = f"the study names the endpoint {shown(url)}, which is not yours: it would get the study and your key"
    if not given and not (ask is not None and ask(about)):
        raise UntrustedEndpointError(about, "trimtab tune --trust-endpoint if you trust it, or OPENAI_BASE_URL")
    _write(_trusted() | {normal(url)})


def is_trusted(url: str) -> bool:
    """Whether an endpoint is the user's own, or was trusted before."""
    own = own_endpoint().value
    mine = {normal(each) for each in (*user_file().trust, *([own] if own else []))}
    return normal(url) in _trusted() | mine


def _file() -> Path:
    return data_directory() / "trusted-endpoints.json"


def _trusted() -> set[str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()


def _write(endpoints: set[str]) -> None:
    file = _file()
    try:
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(sorted(endpoints), indent=1) + "\n", encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}", "is the data directory yours?") from None
