"""The first screen: what can be done without knowing anything yet."""

import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from ..themes import palette_of
from .dialog import Dialog

_EXAMPLE = Path(__file__).parents[4] / "examples" / "sqlite" / "study.toml"

_TITLE = """\
 ▄▄▄▄▄  trimtab
   █    the small surface that steers the large one"""


class StartScreen(Dialog[str]):
    """Offers ways to begin; returns a line for the conversation, '' to just talk."""

    BINDINGS: ClassVar = [("escape", "dismiss('')", "Just talk")]

    def __init__(self, findings: list[tuple[bool, str]]) -> None:
        super().__init__()
        self.findings = findings

    def compose(self) -> ComposeResult:
        """Lay out the choices and the findings."""
        with Vertical(id="start"):
            yield Static(Text(_TITLE, style="bold"), id="title")
            yield OptionList(*choices(), id="choices")
            yield Label("this machine", classes="heading")
            text = Text()
            for good, finding in self.findings:
                text.append("✓ " if good else "! ", style=palette_of(self.app)["best" if good else "default"]).append(
                    f"{finding}\n"
                )
            yield Static(text, id="findings")

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(event.option.id))


def choices() -> list[Option]:
    """Return the ways to begin; the id is the line that is sent, ending in a space where more is to be typed."""
    found = []
    if _EXAMPLE.is_file():
        found.append(Option("Tune the SQLite example       a real system, about a minute", id=f"/study {_EXAMPLE}"))
    here = [path for path in sorted(Path.cwd().glob("*.toml")) if path.name != "pyproject.toml"][:3]
    return [
        *found,
        *(Option(f"Open {path.name}", id=f"/study {path}") for path in here),
        Option("Draft a study from a command   ./bench --threads={threads}", id="/study new "),
        Option("Open a study file              @ completes paths", id="/study @"),
        Option("Choose a model                 local or openai:NAME", id="/model "),
        Option("Just talk", id="-"),
    ]


def doctor(model: str, why_none: str) -> list[tuple[bool, str]]:
    """Return what is worth knowing of this machine, as (good, finding)."""
    from .....tools.sandbox import choose_sandbox

    sandbox = choose_sandbox("auto")
    return [
        (bool(model), f"model: {model}" if model else f"no model: {why_none}; every command works without one"),
        (sandbox.name == "bubblewrap", f"sandbox: {sandbox.name}, {sandbox.guarantees}"),
        (True, f"{len(os.sched_getaffinity(0))} CPUs"),
    ]
