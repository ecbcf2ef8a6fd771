"""A proposal beside the incumbent: approve it, edit values in place, or refuse it with a reason."""

from dataclasses import dataclass
from typing import ClassVar

from rich.syntax import Syntax
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Checkbox, Input, Label, Static

from .....tools.targets.code.edits import EditError
from .....tools.targets.rendering.template import as_text
from .....tools.text import visible
from ....study.sections import Study
from ....study.space import Configuration
from ....trials.proposal import Accepted
from ..themes import palette_of
from .dialog import Dialog

_MOST_ABOUT = 5
"""Rows of rationale and prediction before they scroll."""
_AROUND = 14
"""Rows of the dialog beside the rationale and the values."""


@dataclass(frozen=True)
class Verdict:
    """What the person decided: a configuration, or a reason; `always` stops asking, `forbid` asks for a rule."""

    configuration: Configuration | None
    reason: str = ""
    always: bool = False
    forbid: bool = False


class ApprovalScreen(Dialog[Verdict]):
    """Asks about one configuration."""

    BINDINGS: ClassVar = [
        ("ctrl+a", "approve", "Approve"),
        ("ctrl+r", "refuse", "Refuse"),
        ("ctrl+w", "always", "Always"),
        ("escape", "refuse", "Refuse"),
    ]

    def __init__(self, accepted: Accepted, study: Study, incumbent: Configuration) -> None:
        super().__init__()
        self.accepted, self.study, self.incumbent = accepted, study, incumbent
        self.diff = _difference(accepted.proposal.patch, study)

    def compose(self) -> ComposeResult:
        """Lay out the comparison and the answers."""
        proposal = self.accepted.proposal
        with Vertical(id="approval"):
            what = "edit and this configuration" if self.diff else "configuration"
            yield Label(f"Evaluate this {what}?  proposed by {proposal.source}", id="question")
            with VerticalScroll(id="about", can_focus=False):
                yield Static(Text(self._about()))
            if self.diff:
                with VerticalScroll(id="diff"):
                    yield Static(
                        Syntax(
                            self.diff,
                            "diff",
                            theme="ansi_dark" if self.app.current_theme.dark else "ansi_light",
                            background_color="default",
                        )
                    )
            with VerticalScroll(id="listed", can_focus=False), Grid(id="values"):
                for heading in ("parameter", "incumbent", "proposed"):
                    yield Label(heading, classes="heading")
                for name in {**self.incumbent, **self.accepted.configuration}:
                    old, new = self.incumbent.get(name), self.accepted.configuration.get(name)
                    kind = "changed" if old != new else "same"
                    yield Label(name, classes=kind)
                    yield Label("inactive" if old is None else as_text(old), classes=kind)
                    shown = "" if new is None else as_text(new)
                    yield Input(shown, placeholder="inactive", id=f"value-{name}", classes=kind, compact=True)
            yield Input(placeholder="why not? the planner is told", id="reason", compact=True)
            yield Checkbox("never propose such values again (asks for a rule)", id="forbid", compact=True)
            with Horizontal(id="buttons"):
                yield Button("Approve ^a", variant="success", id="approve", compact=True)
                yield Button("Refuse ^r", variant="error", id="refuse", compact=True)
                yield Button("Always, this study ^w", id="always", compact=True)
            yield Static("", id="trouble")

    def on_mount(self) -> None:
        """Let Enter approve."""
        self.query_one("#approve").focus()

    def on_resize(self) -> None:
        """Let the values scroll where there is little room, so that the answers are always in sight."""
        about = min(_MOST_ABOUT, len(self._about()) // 60 + self._about().count("\n") + 1)
        room = max(3, self.size.height - about - _AROUND)
        for diff in self.query("#diff"):
            rows = min(self.diff.count("\n"), max(3, 2 * room // 3))
            diff.styles.height, room = rows, max(3, room - rows - 1)
        self.query_one("#listed").styles.max_height = room

    def _about(self) -> str:
        proposal = self.accepted.proposal
        lines = [proposal.rationale] if proposal.rationale else []
        for metric, (expected, low, high) in proposal.predicted.items():
            lines.append(f"predicted {metric}: {expected:.4g} (90 % {low:.4g} to {high:.4g})")
        lines += [f"repaired {each.parameter}: {each.why}" for each in self.accepted.changes]
        return "\n".join([*lines, "costs one trial of the budget"])

    def _edited(self) -> Configuration | None:
        values = {}
        for name in {**self.incumbent, **self.accepted.configuration}:
            text = self.query_one(f"#value-{name}", Input).value.strip()
            if text:
                values[name] = text
        repaired = self.study.space.repair(values)
        wrong = [each for each in repaired.changes if each.given is not None and "parsed" not in each.why]
        typed = {name: as_text(value) for name, value in repaired.configuration.items()}
        moved = [each for each in wrong if typed.get(each.parameter) != str(each.given)]
        if moved and moved[0].used is not None:
            self.query_one(f"#value-{moved[0].parameter}", Input).value = as_text(moved[0].used)
            self._trouble(f"{moved[0].parameter}: {moved[0].given!r}: {moved[0].why}; look again")
            return None
        return repaired.configuration

    def _trouble(self, text: str) -> None:
        self.query_one("#trouble", Static).update(Text(text, style=f"bold {palette_of(self.app)['text-warning']}"))

    def action_approve(self) -> None:
        """Approve what stands in the inputs."""
        configuration = self._edited()
        if configuration is not None:
            self.dismiss(Verdict(configuration))

    def action_always(self) -> None:
        """Approve this and all further configurations of the study."""
        configuration = self._edited()
        if configuration is not None:
            self.dismiss(Verdict(configuration, always=True))

    def action_refuse(self) -> None:
        """Refuse; the first time without a reason, ask for one."""
        reason = self.query_one("#reason", Input)
        if not reason.value.strip():
            reason.focus()
            self._trouble("say why, so that the planner learns; Enter refuses")
            return
        forbid = self.query_one("#forbid", Checkbox).value
        self.dismiss(Verdict(None, reason.value.strip(), forbid=forbid))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        {"approve": self.action_approve, "refuse": self.action_refuse, "always": self.action_always}[
            str(event.button.id)
        ]()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if event.input.id == "reason":
            self.action_refuse()
        else:
            self.action_approve()


def _difference(patch: str | None, study: Study) -> str:
    """Return what an edit changes in the program as it stands, all of it visible; '' where there is none."""
    if patch is None or study.project is None:
        return ""
    try:
        lines = study.project.difference(patch).expandtabs(4).splitlines()
    except EditError as error:
        return f"(it cannot be shown: {error})\n"
    return "".join(f"{visible(line)}\n" for line in lines)
