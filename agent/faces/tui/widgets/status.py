"""The line at the bottom: what runs, who approves, what a model costs. What does not fit is left out, by rank."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from ..themes import palette_of

if TYPE_CHECKING:
    from ....chat.steering.control import StudyControl
_STATES = {"running": "best", "paused": "text-warning", "finished": "text-primary", "waiting for you": "ask"}


class Status(Widget):
    """One line, in order of what matters: state, mode, dollars, progress of the budget, model, the rest."""

    DEFAULT_CSS = "Status { height: 1; background: $panel; color: $text; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, str]] = [("starting", "text-muted")]

    def show(self, control: "StudyControl", model: str, *, thinking: bool, asked: bool) -> None:
        """Show where everything stands; nothing is drawn anew where nothing changed."""
        parts = [*_state(control, asked=asked), _mode(control)]
        if thinking:
            parts.append(("thinking, Esc interrupts", "text-warning"))
        parts += _spent(control)
        parts.append((_short(model), "text-muted"))
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def render(self) -> RenderResult:
        """Return what there is room for."""
        colours, room = palette_of(self.app), self.size.width - 2
        text = Text(no_wrap=True, overflow="ellipsis")
        for word, tone in fitting(self._parts, room):
            style = f"reverse {colours[tone]}" if tone == "ask" and word.isupper() else colours[tone]
            text.append("  " if text else "").append(word, style=style.strip())
        return text


def fitting(parts: Sequence[tuple[str, str]], room: int) -> list[tuple[str, str]]:
    """Return the parts, first to last, that fit into so many columns; the first two always."""
    kept: list[tuple[str, str]] = []
    for index, (word, tone) in enumerate(parts):
        width = len(word) + (2 if kept else 0)
        if index >= _ALWAYS and width > room:
            continue
        kept.append((word, tone))
        room -= width
    return kept


_ALWAYS = 2


def _state(control: "StudyControl", *, asked: bool) -> list[tuple[str, str]]:
    state = "waiting for you" if asked else control.state
    name = control.study.name if control.study is not None else ""
    return [(f"{name[:24]} {state}".strip(), _STATES.get(state, "text"))]


def _mode(control: "StudyControl") -> tuple[str, str]:
    return (" ASK ", "ask") if control.mode == "ask" else (f"mode {control.mode}", "text-muted")


def _spent(control: "StudyControl") -> list[tuple[str, str]]:
    """Return what is spent of the budget, trials and dollars first."""
    session = control.session
    if session is None:
        return []
    found = session.record.ledger.snapshot()
    order = ("trials", "dollars", "wall_time_s", "calls", "input_tokens", "output_tokens")
    told = [_gauge(name, found[name]["spent"] or 0.0, found[name]["limit"]) for name in order if name in found]
    return [(each, "text-muted") for each in told if each]


def _gauge(name: str, spent: float, limit: float | None) -> str:
    from ... import words

    short = {"wall_time_s": "time", "input_tokens": "in", "output_tokens": "out"}.get(name, name)
    time = name == "wall_time_s"
    form = words.seconds(float(int(spent))) if time else f"${spent:.3g}" if name == "dollars" else f"{spent:.4g}"
    if limit is None:
        return f"{short} {form}".removeprefix("dollars ") if spent and name != "calls" else ""
    of = words.seconds(limit) if time else f"{limit:g}"
    filled = round(6 * min(1.0, spent / limit)) if limit else 6
    return f"{short} {'▰' * filled}{'▱' * (6 - filled)} {form}/{of}".removeprefix("dollars ")


def _short(model: str) -> str:
    """Return a model's name without its provider and quantisation."""
    return model.rpartition(":")[2].rpartition("/")[2].removesuffix(".gguf")[:28] or model
