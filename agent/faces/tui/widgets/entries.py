"""The rows of a conversation other than answers: what a person said, tools, notes, errors."""

import json
from typing import Any, ClassVar

from rich.text import Text
from textual.widgets import Static

from ..themes import palette_of


class Said(Static):
    """What the person wrote."""

    DEFAULT_CSS = """
    Said { background: $boost; color: $foreground; padding: 0 1; margin: 1 1 1 1; border-left: thick $primary; }
    Said.-hint { border-left: thick $secondary; color: $text-muted; }
    """

    def __init__(self, text: str, *, hint: bool = False) -> None:
        super().__init__(Text(text), classes="-hint" if hint else "")


class Note(Static):
    """A line about what happened; `kind` is note, good, bad or error."""

    DEFAULT_CSS = """
    Note { margin: 0 2; color: $text-muted; }
    Note.-good { color: $text-success; }
    Note.-bad { color: $text-warning; }
    Note.-error { color: $text-error; }
    """

    def __init__(self, text: str, kind: str = "note") -> None:
        mark = {"good": "✓ ", "bad": "! ", "error": "✗ "}.get(kind, "· ")
        super().__init__(Text(mark + text), classes=f"-{kind}")


class Gain(Note):
    """The best so far; further gains take its place, and are counted."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "good")
        self.count = 1

    def more(self, text: str) -> None:
        """Show a further gain."""
        self.count += 1
        self.update(Text(f"✓ {text} ({self.count} gains)"))


class ToolRow(Static, can_focus=True):
    """A tool the model used, in one line; Enter or a click unfolds its arguments and outcome."""

    DEFAULT_CSS = """
    ToolRow { margin: 0 2; color: $text-accent; }
    ToolRow:focus { background: $boost; }
    ToolRow.-failed { color: $text-error; }
    """
    BINDINGS: ClassVar = [("enter", "unfold", "Unfold")]

    def __init__(
        self, name: str, arguments: dict[str, Any], outcome: str | None = None, *, failed: bool = False
    ) -> None:
        self.tool, self.arguments, self.outcome, self.folded = name, arguments, outcome, True
        super().__init__(self._text(), classes="-failed" if failed else "")

    def answer(self, outcome: str, *, failed: bool) -> None:
        """Show what the tool answered."""
        self.outcome = outcome
        self.set_class(failed, "-failed")
        self.update(self._text())

    def action_unfold(self) -> None:
        """Fold or unfold."""
        self.folded = not self.folded
        self.update(self._text())

    def on_click(self) -> None:
        """Fold or unfold."""
        self.action_unfold()

    def _text(self) -> Text:
        given = ", ".join(f"{name}={_short(value)}" for name, value in self.arguments.items())
        text = Text(f"{'▸' if self.folded else '▾'} {self.tool}({given})", no_wrap=self.folded, overflow="ellipsis")
        if self.outcome is None:
            return text.append(" ...", style=palette_of(self.app)["text-muted"])
        first = self.outcome.strip().splitlines()[0] if self.outcome.strip() else "done"
        if self.folded:
            return text.append(f"  {first[:70]}", style=palette_of(self.app)["text-muted"])
        muted = palette_of(self.app)["text-muted"]
        return text.append(f"\n{json.dumps(self.arguments, indent=1, default=str)}\n{self.outcome}", style=muted)


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 32 else f"{text[:29]}..."
