"""Which parameters matter, and where along their range results were good; after the run, what the ablation proved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from ..themes import palette_of

if TYPE_CHECKING:
    from ....events import StudyFinished
    from ....trials.history import History
    from ...effects import Effects
_STRIP = 20


class Parameters(Static, can_focus=True):
    """A row a parameter. f suggests to freeze it at the incumbent's value, n to narrow it to where results are good."""

    DEFAULT_CSS = "Parameters { padding: 0 1; height: auto; text-wrap: nowrap; text-overflow: ellipsis; }"
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("f", "freeze", "Freeze"),
        Binding("n", "narrow", "Narrow"),
    ]
    cursor = reactive(0)

    class Suggested(Message):
        """A command that the person may send."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    def __init__(self) -> None:
        super().__init__()
        self.effects: Effects | None = None
        self.report: StudyFinished | None = None
        self.found: Sequence[tuple[str, float]] | str = ""
        """Importance by parameter, the largest first, or why there is none."""

    def show(self, history: "History | None", report: "StudyFinished | None") -> None:
        """Show a study as it is now; `weigh` comes later, when it is known."""
        from ...effects import Effects

        self.effects, self.report = Effects(history) if history is not None else None, report
        self.refresh(layout=True)

    def weigh(self, found: Sequence[tuple[str, float]] | str) -> None:
        """Show (parameter, share) pairs, or why there are none."""
        self.found = found
        self.refresh(layout=True)

    def names(self) -> list[str]:
        """Return the parameters in the order of their rows."""
        known = [] if isinstance(self.found, str) else [name for name, _share in self.found]
        every = list(self.effects.history.study.parameters) if self.effects is not None else []
        return [*(name for name in known if name in every), *(name for name in every if name not in known)]

    def render(self) -> RenderResult:
        """Return the rows, as long as there is room."""
        from ...effects import ends

        if self.effects is None:
            return "no study yet"
        names, shares = self.names(), {} if isinstance(self.found, str) else dict(self.found)
        width = min(24, max(map(len, names)))
        colours = palette_of(self.app)
        muted = colours["text-muted"]
        head = self.found if isinstance(self.found, str) and self.found else "importance by PED-ANOVA"
        text = Text(f"{head}; a high bar: good results there; _ default, inverse: best\n", style=muted)
        for index, name in enumerate(names):
            here = index == self.cursor and self.has_focus
            text.append("▸" if here else " ").append(f"{name[:width]:<{width}} ", style="bold" if here else "")
            share = f"{shares[name]:>4.0%}" if name in shares else "    "
            text.append(f"{share} ", style=muted).append_text(self._strip(self.effects, name))
            text.append_text(self._ablated(name))
            text.append(f"  {ends(self.effects.history.study.parameters[name])}\n", style=muted)
        return text

    def _strip(self, effects: "Effects", name: str) -> Text:
        found, colours = effects.strip(name, _STRIP), palette_of(self.app)
        text = Text()
        for index, each in enumerate(found.cells):
            style = colours["trial"]
            style += " underline" if index == found.default else ""
            style += f" reverse {colours['best']}" if index == found.best else ""
            text.append(each, style=style.strip())
        return text.append(" " * (_STRIP - len(found.cells)))

    def _ablated(self, name: str) -> Text:
        """Return what the ablation says of a parameter."""
        from ... import words

        for step in self.report.ablation if self.report is not None else []:
            if name in step.parameters:
                better = step.ratio is not None and step.ratio > 1
                mark = "" if not step.matters else " * helped" if better else " ! hurt"
                colour = "text-muted" if not mark else "best" if better else "failed"
                return Text(f" {words.step(step)[1]}{mark}", style=palette_of(self.app)[colour])
        return Text()

    def action_move(self, step: int) -> None:
        """Move to another parameter."""
        self.cursor = min(max(0, self.cursor + step), max(0, len(self.names()) - 1))

    def action_freeze(self) -> None:
        """Suggest to freeze the parameter at the incumbent's value."""
        if self.effects is None:
            return
        best, name = self.effects.history.incumbent, self.names()[self.cursor]
        if best is not None and name in best.configuration:
            self.post_message(self.Suggested(f"/freeze {name}={best.configuration[name]}"))

    def action_narrow(self) -> None:
        """Suggest to narrow the parameter to where the best results lie."""
        if self.effects is None:
            return
        name = self.names()[self.cursor]
        found = self.effects.good_range(name)
        if found is not None:
            self.post_message(self.Suggested(f"/narrow {name} {found[0]:.6g} {found[1]:.6g}"))
