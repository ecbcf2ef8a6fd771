"""Screens are compared with those kept beside this file; TRIMTAB_UPDATE_SCREENS=1 writes them anew."""

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.rows import StoredEvaluation
from trimtab.agent.run.session import Session
from trimtab.agent.testing import make_study
from trimtab.tools.targets import Measurement

KEPT = Path(__file__).parent / "screens"


Same = Callable[[Pilot[int], str], Awaitable[None]]


@pytest.fixture
def same_screen() -> Same:
    """Return a function that compares what an application shows, once it is still, with the screen of a name."""

    async def compare(pilot: Pilot[int], name: str) -> None:
        shown = await still(pilot)
        file = KEPT / f"{name}.svg"
        if os.environ.get("TRIMTAB_UPDATE_SCREENS"):
            file.write_text(shown)
        assert file.is_file(), f"no screen {file}: look at it, and run with TRIMTAB_UPDATE_SCREENS=1"
        assert shown == file.read_text(), f"{file.name} looks different; TRIMTAB_UPDATE_SCREENS=1 accepts it"

    return compare


async def until(pilot: Pilot[int], condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not happen in time")


async def still(pilot: Pilot[int]) -> str:
    """Return the screen as SVG after it has not changed for half a second."""
    for each in pilot.app.screen_stack[0].query(Input):
        each.cursor_blink = False
        each._cursor_visible = True
    before, same = "", 0
    for _ in range(200):
        await pilot.pause(0.05)
        shown = re.sub(r"terminal-\d+", "terminal", pilot.app.export_screenshot(title="trimtab", simplify=True))
        same = same + 1 if shown == before else 0
        before = shown
        if same >= 10:
            break
    return before


@pytest.fixture
def tuned(store: Store, tmp_path: Path) -> str:
    """Return the key of a finished study in the store whose numbers are the same in every run."""
    study = make_study(tmp_path, budget={"trials": 14}, sampler={"name": "random"}, planner={"name": "none"})
    session = Session.start(study, store)
    for number in range(14):
        trial = session.ask()
        x, n = float(str(trial.configuration["x"])), float(str(trial.configuration["n"]))
        took = 0.25 + number / 100
        measured = Measurement(state="complete", metrics={"loss": round(1 + abs(x) + n / 64, 4)}, duration_s=took)
        if number == 5:
            reason = "exit status 1: out of memory (limit memory is 256 MiB)"
            measured = Measurement(state="failed", reason=reason, duration_s=took, log="allocating 300 MiB")
        session.record.finish(trial, [measured], StoredEvaluation("tune", number, 0, 1, measured))
    session.close()
    return session.key


@pytest.fixture
def app(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ChatApp:
    """Return the application without a model and without a greeting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trimtab.agent.models.choice.embedded_model", lambda: None)
    return ChatApp(lambda: (store, Transcript(store)), greet=False)
