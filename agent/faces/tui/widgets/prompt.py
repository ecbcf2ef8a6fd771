"""What a person types in: some lines, history and its search, completion of commands, their arguments and @files."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from ..completion import completions, searched


class Prompt(Vertical):
    """The input with a list of completions above it."""

    DEFAULT_CSS = """
    Prompt { height: auto; dock: bottom; }
    Prompt OptionList {
        height: auto; max-height: 8; display: none; border: none; background: $panel; padding: 0 1; margin: 0 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    Prompt OptionList.-open { display: block; }
    Prompt TextArea { height: auto; max-height: 10; border: tall $border-blurred; background: $surface; }
    Prompt TextArea:focus { border: tall $border; }
    """

    class Sent(Message):
        """A line was sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, history: list[str] | None = None) -> None:
        super().__init__()
        self.history = history or []
        self.known: Mapping[str, Sequence[str]] = {}
        """Names of parameters, each with values worth a choice, and under '' the numbers of trials."""
        self._at = 0
        self._searching = False
        self._offered: Sequence[str] = ()
        self._offered_for = ""

    def compose(self) -> ComposeResult:
        """Lay out the completions and the input."""
        yield OptionList(compact=True)
        yield Line(placeholder="Say what you want, or / for commands", id="line", highlight_cursor_line=False)

    @property
    def line(self) -> "Line":
        """The input."""
        return self.query_one(Line)

    @property
    def choices(self) -> OptionList:
        """The completions."""
        return self.query_one(OptionList)

    def offer(self) -> None:
        """List what the line may become."""
        text = self.line.value
        found = searched(text, self.history) if self._searching else completions(text, self.known)
        self.choices.clear_options()
        self.choices.add_options([Option(shown.replace("[", "\\["), id=str(at)) for at, (_, shown) in enumerate(found)])
        self._offered, self._offered_for = [whole for whole, _shown in found], text
        self.choices.set_class(bool(found), "-open")
        if found:
            self.choices.highlighted = 0

    def typed(self) -> None:
        """List what the line may become, where that was not done for this very text."""
        if self.line.value != self._offered_for:
            self.offer()

    def search(self) -> None:
        """List earlier lines like this one, or go on to the next of them."""
        if self._searching and self.choices.has_class("-open"):
            self.older(1)
            return
        self._searching = True
        self.offer()

    def close_choices(self) -> None:
        """Close the list."""
        self._searching = False
        self.choices.remove_class("-open")

    def send(self) -> None:
        """Send the line and empty it; of earlier lines that are searched the chosen one is taken first."""
        if self._searching and self.accept():
            return
        text = self.line.value.strip()
        self._searching = False
        if not text:
            return
        self.history.append(text)
        self._at = len(self.history)
        self.line.value = ""
        self.post_message(self.Sent(text))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.complete(self._offered[int(str(event.option.id))])

    def complete(self, text: str) -> None:
        """Put a completion into the line."""
        self._searching = False
        self.line.value = text
        self.line.focus()

    def older(self, step: int) -> None:
        """Move through the completions when they are open, else through the history."""
        if self.choices.has_class("-open"):
            count = self.choices.option_count
            self.choices.highlighted = ((self.choices.highlighted or 0) + step) % count
        elif self.history:
            self._at = min(max(0, self._at + step), len(self.history))
            self.line.value = self.history[self._at] if self._at < len(self.history) else ""
            self.close_choices()

    def accept(self) -> bool:
        """Take the highlighted completion; return whether there was one."""
        if not self.choices.has_class("-open") or self.choices.highlighted is None:
            return False
        self.complete(self._offered[self.choices.highlighted])
        return True


class Line(TextArea):
    """An input that answers the prompt's keys at once, and grows with what is typed.

    Bindings and messages come later than the keys that were typed ahead, which would be sent, completed or lost with
    the line.
    """

    HELP = (
        "Enter sends, Ctrl-J or Shift-Enter begins another line, Up and Down go through what was sent, Ctrl-R finds it."
    )
    BINDINGS: ClassVar = [
        Binding("ctrl+j,shift+enter,alt+enter", "another_line", "New line", show=False),
        Binding("ctrl+r", "find", "Find in history", show=False),
    ]

    @property
    def value(self) -> str:
        """What stands in the input."""
        return self.text

    @value.setter
    def value(self, text: str) -> None:
        if text != self.text:
            self.load_text(text)
            self.move_cursor(self.document.end)
        self._prompt.offer()

    @property
    def _prompt(self) -> Prompt:
        assert isinstance(self.parent, Prompt)
        return self.parent

    async def _on_key(self, event: events.Key) -> None:
        """Send, complete, or move through completions or history; everything else is typed."""
        prompt, row = self._prompt, self.cursor_location[0]
        listed = prompt.choices.has_class("-open")
        match event.key:
            case "enter":
                prompt.send()
            case "tab" if prompt.accept():
                pass
            case "up" if listed or row == 0:
                prompt.older(-1)
            case "down" if listed or row == self.document.line_count - 1:
                prompt.older(1)
            case "ctrl+r":
                self.action_find()
            case "ctrl+j" | "shift+enter" | "alt+enter":
                self.action_another_line()
            case "ctrl+d" if not self.text:
                self.app.call_later(self.app.run_action, "quit")
            case "escape" if listed:
                prompt.close_choices()
            case _:
                await super()._on_key(event)
                prompt.typed()
                return
        event.stop()
        event.prevent_default()

    def action_find(self) -> None:
        """Search what was sent."""
        self._prompt.search()

    def action_another_line(self) -> None:
        """Begin another line."""
        self.insert("\n")

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._prompt.typed()
