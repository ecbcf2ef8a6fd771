"""What one looks at first: the default against the incumbent, proven or not, how far the search is, what comes next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from ..themes import palette_of

if TYPE_CHECKING:
    from ...live.view import View
    from ...standing import Piece, Standing
_TONES = {"plain": "text", "good": "best", "bad": "text-warning", "quiet": "text-muted"}
_SPARK = 40


class Headline(Static):
    """Three rows above the study; one above the prompt where there is no room for the study beside it."""

    DEFAULT_CSS = """
    Headline { height: 3; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    Headline.-row { height: 1; display: none; }
    """

    def __init__(self, *, row: bool = False) -> None:
        super().__init__(classes="-row" if row else "")
        self.row = row
        self._shown: Text | None = None

    def show(self, now: "Standing | None", view: "View | None") -> None:
        """Show where a study stands; `view` is what its events told, None where it does not run."""
        text = self._text(now, view)
        if text != self._shown:
            self._shown = text
            self.update(text)

    def _text(self, now: "Standing | None", view: "View | None") -> Text:
        from ... import words
        from ...standing import headline, progress, proof, rail

        if now is None:
            return self._painted([("no study yet: /study FILE opens one, /study new COMMAND drafts one", "quiet")])
        phases = view.remaining.phases() if view is not None else {}
        phase = view.phase if view is not None else None
        steps = rail(phases, now, (phase.done, phase.total) if phase is not None else None)
        if self.row:
            return self._painted([*headline(now), ("   ", "plain"), *proof(now), ("   ", "plain"), *steps])
        losses = view.best_losses if view is not None else []
        spark = f"  {words.sparkline(losses, _SPARK)}" if len(losses) > 1 else ""
        proven = [*proof(now), (" · ", "quiet")] if proof(now) else []
        return Text("\n", no_wrap=True, overflow="ellipsis").join(
            [
                self._painted([(now.study.name, "plain"), ("   ", "plain"), *headline(now)], bold=True),
                self._painted([*proven, (progress(now), "quiet"), (spark, "good")]),
                self._painted(steps),
            ]
        )

    def _painted(self, pieces: "Sequence[Piece]", *, bold: bool = False) -> Text:
        colours = palette_of(self.app)
        text = Text(no_wrap=True, overflow="ellipsis")
        for words, tone in pieces:
            weight = "bold " if bold and tone != "quiet" else ""
            text.append(words, style=f"{weight}{colours[_TONES[tone]]}".strip())
        return text
