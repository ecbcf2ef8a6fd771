"""A tool that the model wants to use: allow it, always allow it, or refuse it with a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Static

from .dialog import Dialog


@dataclass(frozen=True)
class Permission:
    """What the person decided; `reason` is why the tool may not be used."""

    allowed: bool
    reason: str = ""
    always: bool = False


class PermissionScreen(Dialog[Permission]):
    """Asks about one use of a tool."""

    BINDINGS: ClassVar = [
        ("ctrl+a", "allow", "Allow"),
        ("ctrl+r", "refuse", "Refuse"),
        ("ctrl+w", "always", "Always"),
        ("escape", "refuse", "Refuse"),
    ]

    def __init__(self, tool: str, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.tool, self.arguments = tool, arguments

    def compose(self) -> ComposeResult:
        """Lay out the tool, its arguments and the answers."""
        with Vertical(id="approval"):
            yield Label(f"The model wants to use {self.tool}", id="question")
            with VerticalScroll(id="about", can_focus=False):
                yield Static(Text(json.dumps(self.arguments, indent=1, default=str, ensure_ascii=False)))
            yield Input(placeholder="why not? the model is told", id="reason", compact=True)
            with Horizontal(id="buttons"):
                yield Button("Allow ^a", variant="success", id="allow", compact=True)
                yield Button("Refuse ^r", variant="error", id="refuse", compact=True)
                yield Button("Always, this study ^w", id="always", compact=True)

    def on_mount(self) -> None:
        """Let Enter allow."""
        self.query_one("#allow").focus()

    def action_allow(self) -> None:
        """Allow it this time."""
        self.dismiss(Permission(allowed=True))

    def action_always(self) -> None:
        """Allow it from now on."""
        self.dismiss(Permission(allowed=True, always=True))

    def action_refuse(self) -> None:
        """Refuse it, with the reason if one was given."""
        reason = self.query_one("#reason", Input).value.strip()
        self.dismiss(Permission(allowed=False, reason=reason or "no reason was given"))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        {"allow": self.action_allow, "refuse": self.action_refuse, "always": self.action_always}[str(event.button.id)]()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_refuse()
