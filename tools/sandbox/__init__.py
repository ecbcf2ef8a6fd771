"""Runs one untrusted command: isolated, limited, with a scrubbed environment, and killed with all its descendants.

All but the limits is loaded on first use: a study is read without what runs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .limits import Limits

if TYPE_CHECKING:
    from .choice import choose_sandbox
    from .process import Outcome, Sandbox, SandboxedCommand, run

__all__ = ["Limits", "Outcome", "Sandbox", "SandboxedCommand", "choose_sandbox", "run"]

_HOMES = {
    "Outcome": ".process",
    "Sandbox": ".process",
    "SandboxedCommand": ".process",
    "choose_sandbox": ".choice",
    "run": ".process",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
