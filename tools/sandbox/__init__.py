"""Runs one untrusted command: isolated, limited, with a scrubbed environment, and killed with all its descendants."""

from .choice import choose_sandbox
from .limits import Limits
from .process import Outcome, Sandbox, SandboxedCommand, run

__all__ = ["Limits", "Outcome", "Sandbox", "SandboxedCommand", "choose_sandbox", "run"]
