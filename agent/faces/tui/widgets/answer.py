"""A Markdown answer that stays fast however long it grows.

Finished blocks are rendered once and kept as lines; only the last block, which still grows, is rendered again. The
widget is one line-drawing surface, so ten thousand lines cost no more to scroll than ten.
"""

from rich.markdown import Markdown
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

_FLUSH_S = 0.06


class Answer(Widget):
    """Markdown that arrives piece by piece."""

    DEFAULT_CSS = "Answer { height: auto; margin: 1 1 1 2; }"
    ALLOW_SELECT = False

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text
        self._done = 0
        """How much of the text is in finished blocks."""
        self._kept: list[Strip] = []
        self._tail: list[Strip] = []
        self._width = 0
        self._waiting = False

    def feed(self, piece: str) -> None:
        """Add text; the screen follows a few times a second."""
        self.text += piece
        if not self._waiting and self.is_attached:
            self._waiting = True
            self.set_timer(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Show everything that has arrived."""
        self._waiting = False
        before = len(self._kept) + len(self._tail)
        self._render_new()
        after = len(self._kept) + len(self._tail)
        self.refresh(layout=after != before)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  # Textual's
        """Return the number of lines at a width."""
        if width != self._width:
            self._width, self._done = width, 0
            self._kept.clear()
            self._render_new()
        return max(1, len(self._kept) + len(self._tail))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the visible lines only."""
        height = len(self._kept)
        lines = []
        for y in range(crop.y, crop.bottom):
            if y < height:
                line = self._kept[y]
            elif y - height < len(self._tail):
                line = self._tail[y - height]
            else:
                line = Strip.blank(self._width)
            lines.append(line.crop(crop.x, crop.right).apply_style(self.rich_style))
        return lines

    def _render_new(self) -> None:
        if not self._width:
            return
        end = _last_break(self.text, self._done)
        if end > self._done:
            self._kept += self._lines(self.text[self._done : end])
            self._done = end
        rest = self.text[self._done :]
        self._tail = self._lines(rest) if rest.strip() else []

    def _lines(self, text: str) -> list[Strip]:
        options = self.app.console_options.update(width=self._width, height=None)
        segments = self.app.console.render_lines(Markdown(text), options, pad=True)
        lines = [Strip(line, self._width) for line in segments]
        return [*lines, Strip.blank(self._width)] if text.endswith("\n\n") else lines


def _last_break(text: str, start: int) -> int:
    """Return the end of the last finished block after `start`: a blank line outside of a code fence."""
    found, at, fenced = start, start, False
    while (end := text.find("\n", at)) >= 0:
        line = text[at:end]
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not line.strip() and not fenced:
            found = end + 1
        at = end + 1
    return found
