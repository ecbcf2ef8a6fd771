"""The line a person types in: history, completion of commands and of @files."""

from pathlib import Path

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

_MOST = 8


class Prompt(Vertical):
    """The input with a list of completions above it."""

    DEFAULT_CSS = """
    Prompt { height: auto; dock: bottom; }
    Prompt OptionList {
        height: auto; max-height: 8; display: none; border: none; background: $panel; padding: 0 1; margin: 0 1;
    }
    Prompt OptionList.-open { display: block; }
    Prompt Input { border: tall $border-blurred; background: $surface; }
    Prompt Input:focus { border: tall $border; }
    """

    class Sent(Message):
        """A line was sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, history: list[str] | None = None) -> None:
        super().__init__()
        self.history = history or []
        self._at = 0

    def compose(self) -> ComposeResult:
        """Lay out the completions and the input."""
        yield OptionList(compact=True)
        yield _Line(placeholder="Say what you want, or / for commands", id="line")

    @property
    def line(self) -> Input:
        """The input."""
        return self.query_one(Input)

    @property
    def choices(self) -> OptionList:
        """The completions."""
        return self.query_one(OptionList)

    def offer(self) -> None:
        """List what the line may become."""
        found = completions(self.line.value)
        self.choices.clear_options()
        self.choices.add_options([Option(shown, id=whole) for whole, shown in found])
        self.choices.set_class(bool(found), "-open")
        if found:
            self.choices.highlighted = 0

    def send(self) -> None:
        """Send the line and empty it."""
        text = self.line.value.strip()
        if not text:
            return
        self.history.append(text)
        self._at = len(self.history)
        self.line.value = ""
        self.post_message(self.Sent(text))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.complete(str(event.option.id))

    def complete(self, text: str) -> None:
        """Put a completion into the line."""
        self.line.value = text
        self.line.cursor_position = len(text)
        self.line.focus()

    def older(self, step: int) -> None:
        """Move through the completions when they are open, else through the history."""
        if self.choices.has_class("-open"):
            count = self.choices.option_count
            self.choices.highlighted = ((self.choices.highlighted or 0) + step) % count
        elif self.history:
            self._at = min(max(0, self._at + step), len(self.history))
            self.line.value = self.history[self._at] if self._at < len(self.history) else ""
            self.line.cursor_position = len(self.line.value)

    def accept(self) -> bool:
        """Take the highlighted completion; return whether there was one."""
        if not self.choices.has_class("-open") or self.choices.highlighted is None:
            return False
        self.complete(str(self.choices.get_option_at_index(self.choices.highlighted).id))
        return True


class _Line(Input):
    """An input that answers the prompt's keys at once.

    Bindings and messages come later than the keys that were typed ahead, which would be sent, completed or lost with
    the line.
    """

    def watch_value(self) -> None:
        """Offer completions of the new value."""
        if isinstance(self.parent, Prompt):
            self.parent.offer()

    def on_key(self, event: events.Key) -> None:
        """Send, complete, or move through completions or history."""
        prompt = self.parent
        assert isinstance(prompt, Prompt)
        match event.key:
            case "enter":
                prompt.send()
            case "tab" if prompt.accept():
                pass
            case "up" | "down":
                prompt.older(-1 if event.key == "up" else 1)
            case "escape" if prompt.choices.has_class("-open"):
                prompt.choices.remove_class("-open")
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Keep every line of what is pasted, as one line; the base class keeps the first."""
        event.text = " ".join(event.text.splitlines())


def completions(text: str) -> list[tuple[str, str]]:
    """Return what a line may become, as (line, what is shown): commands after a slash, files after an @."""
    from ....chat.commands import COMMANDS

    if text.startswith("/") and " " not in text:
        matching = [command for command in COMMANDS.values() if command.name.startswith(text[1:])]
        if len(matching) == 1 and matching[0].name == text[1:]:
            return []
        matching.sort(key=lambda command: command.name != text[1:])  # /mode before /model
        return [(f"/{each.name} ", f"/{each.usage:<34} {each.help}") for each in matching][:_MOST]
    before, at, start = text.rpartition("@")
    if not at or " " in start or (before and not before.endswith(" ")):
        return []
    folder, prefix = Path(start).expanduser().parent if "/" in start else Path(), Path(start).name if start else ""
    if start.endswith("/"):
        folder, prefix = Path(start).expanduser(), ""
    try:
        names = sorted(path for path in folder.iterdir() if path.name.startswith(prefix) and path.name[0] != ".")
    except OSError:
        return []
    return [(f"{before}@{path}{'/' if path.is_dir() else ' '}", str(path)) for path in names[:_MOST]]
