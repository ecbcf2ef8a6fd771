"""One trial: its configuration against incumbent and default, why it was tried, prediction and result, log."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Label, Static

from ....chat import looking
from ....chat.steering.control import StudyControl
from ... import words
from ..themes import palette_of
from .dialog import Dialog


class TrialScreen(Dialog[None]):
    """Shows a trial."""

    BINDINGS: ClassVar = [("escape,enter,q", "dismiss", "Close")]

    def __init__(self, control: StudyControl, number: int) -> None:
        super().__init__()
        self.control, self.number = control, number

    def compose(self) -> ComposeResult:
        """Lay out the parts."""
        with Vertical(id="trial"):
            yield Label(f"Trial {self.number}", id="question")
            with VerticalScroll():
                yield Static(Text(looking.explain(self.control, self.number)))
                yield Static(self._values(), classes="part")
                yield Static(Text(self._log(), style=palette_of(self.app)["text-muted"]), classes="part")
            yield Label("Esc closes", classes="heading")

    def _values(self) -> Table:
        history = self.control.history
        assert history is not None
        trial, default = history.trials[self.number], history.study.space.default
        best = history.incumbent.configuration if history.incumbent is not None else default
        muted = palette_of(self.app)["text-muted"]
        table = Table(
            "parameter", "this trial", "incumbent", "default", box=None, header_style=muted, padding=(0, 2, 0, 0)
        )
        names = {**default, **best, **trial.configuration}
        for name in sorted(names, key=lambda each: trial.configuration.get(each) == default.get(each)):  # changed first
            mine = trial.configuration.get(name)
            style = "bold" if mine != default.get(name) else muted
            table.add_row(
                name, *(words.setting(each.get(name)) for each in (trial.configuration, best, default)), style=style
            )
        return table

    def _log(self) -> str:
        stored = self.control.stored
        if stored is None:
            return ""
        parts = []
        for each in self.control.store.evaluations(stored.id, "tune", self.number):
            measured = each.measurement
            metrics = " ".join(f"{name}={words.number(value)}" for name, value in measured.metrics.items())
            parts.append(f"seed {each.seed}: {measured.reason or metrics} ({measured.duration_s:.2f} s)")
            parts.append(measured.log.strip())
        return "\n".join(part for part in parts if part)
