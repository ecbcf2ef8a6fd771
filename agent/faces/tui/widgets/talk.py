"""The conversation as it is seen: what was said, answers that arrive, tools, notes, errors."""

from typing import TYPE_CHECKING, Any

from textual.containers import VerticalScroll
from textual.widget import Widget

from .answer import Answer
from .entries import Gain, Note, Said, ToolRow

if TYPE_CHECKING:
    from ....chat.transcript import Entry

_NEAR_END = 3


class Talk(VerticalScroll, can_focus=False):
    """The rows of a conversation, from the first to the one that is being written."""

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self._answer: Answer | None = None
        self._tools: dict[str, ToolRow] = {}

    def add(self, row: Widget) -> None:
        """Add a row, and follow it unless somebody looks at what is above."""
        at_end = self.max_scroll_y - self.scroll_y < _NEAR_END
        self.mount(row)
        if at_end:
            self.anchor()

    def gain(self, text: str) -> None:
        """Say that there is a better incumbent, in place of the one before where nothing was said since."""
        last = self.children[-1] if self.children else None
        if isinstance(last, Gain):
            last.more(text)
        else:
            self.add(Gain(text))

    def say(self, text: str, role: str) -> None:
        """Add an answer of ours: lines, a table or a block of code, an error."""
        if role == "error":
            self.add(Note(text, "error"))
        elif text.startswith("|") or "```" in text or "\n\n" in text:
            self.add(Answer(text))
        else:
            for line in text.splitlines():
                self.add(Note(line))

    def piece(self, text: str) -> None:
        """Add to the answer that arrives, or begin one."""
        if self._answer is None:
            self._answer = Answer()
            self.add(self._answer)
        self._answer.feed(text)

    def end_answer(self) -> str:
        """Return the whole answer that arrived, '' when there is none; what comes next is another one."""
        answer, self._answer = self._answer, None
        if answer is None:
            return ""
        answer.flush()
        return answer.text

    def tool_called(self, call: str, name: str, arguments: dict[str, Any]) -> None:
        """Show that a tool is at work."""
        self._tools[call] = ToolRow(name, arguments)
        self.add(self._tools[call])

    def tool_answered(self, call: str, text: str, *, failed: bool) -> ToolRow | None:
        """Show what a tool answered and return its row; None when it was never called."""
        row = self._tools.pop(call, None)
        if row is not None:
            row.answer(text, failed=failed)
        return row

    def replay(self, entry: "Entry") -> None:
        """Show an entry of an earlier run of the conversation."""
        match entry.role:
            case "user":
                self.add(Said(entry.text, hint=bool(entry.data.get("hint"))))
            case "tool":
                failed = bool(entry.data.get("failed"))
                self.add(ToolRow(str(entry.data["name"]), entry.data["arguments"], entry.text, failed=failed))
            case "notice":
                self.add(Note(entry.text, str(entry.data.get("kind", "note"))))
            case "error":
                self.add(Note(entry.text, "error"))
            case "assistant" | "command":
                self.add(Answer(entry.text))
