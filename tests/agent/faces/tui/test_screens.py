"""Every screen at two sizes and in both themes, as SVG files that can be looked at."""

from typing import Any

import pytest

from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.screens.approval import ApprovalScreen
from trimtab.agent.faces.tui.screens.start import StartScreen
from trimtab.agent.study.space import Change
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.proposal import Accepted, Proposal
from trimtab.agent.trials.source import Source

SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
THEMES = {"dark": "trimtab-dark", "light": "trimtab-light"}
ANSWER = """The default spends most of its time waiting for `fsync`. Three things to try:

1. **mode = fast** with a small `burst`
2. a larger `n`, up to memory
3. `x` near zero

```toml
[focus]
x = { low = -0.2, high = 0.2 }
```
"""

every = pytest.mark.parametrize(("size", "theme"), [(size, theme) for size in SIZES for theme in THEMES])


async def loaded(pilot: Any) -> None:
    while not pilot.app._loaded:
        await pilot.pause(0.05)


@every
async def test_start(size: str, theme: str, app: ChatApp, same_screen: Any) -> None:
    async with app.run_test(size=SIZES[size]) as pilot:
        app.theme = THEMES[theme]
        findings = [
            (False, "no model: no endpoint is configured; every command works without one"),
            (True, "sandbox: bubblewrap, own process, network and mount namespaces"),
            (True, "2 CPUs"),
        ]
        await loaded(pilot)
        app.push_screen(StartScreen(findings))
        await same_screen(pilot, f"start-{size}-{theme}")


@every
@pytest.mark.parametrize("tab", ["trials", "curve", "best", "parameters"])
async def test_study(tab: str, size: str, theme: str, app: ChatApp, tuned: str, same_screen: Any) -> None:
    async with app.run_test(size=SIZES[size]) as pilot:
        app.theme = THEMES[theme]
        await loaded(pilot)
        app._command(f"/study {tuned}")
        app._command("/why 5")
        app._say(ANSWER, "assistant")
        if size == "80x24":
            await pilot.press("f2")
        from textual.widgets import TabbedContent

        from trimtab.agent.faces.tui.widgets.parameters import Parameters

        app.query_one(TabbedContent).active = f"tab-{tab}"
        await pilot.pause(0.3)
        for _ in range(200 if tab == "parameters" else 0):  # it is computed in a thread
            if app.query_one(Parameters).found:
                break
            await pilot.pause(0.05)
        app.screen.set_focus(None)
        await same_screen(pilot, f"{tab}-{size}-{theme}")


@every
async def test_conversation(size: str, theme: str, app: ChatApp, tuned: str, same_screen: Any) -> None:
    from trimtab.agent.chat.conversation import Ended, Piece, ToolAnswered, ToolCalled

    async with app.run_test(size=SIZES[size]) as pilot:
        app.theme = THEMES[theme]
        await loaded(pilot)
        app._command(f"/study {tuned}")
        for happening in (
            ToolCalled("1", "history", {"which": "best", "count": 5}),
            ToolAnswered("1", "13 trials match, 5 shown\ntrial 3: n=4", failed=False),
            ToolCalled("2", "freeze_parameter", {"parameter": "speed", "value": 3}),
            ToolAnswered("2", "not done: focus.speed: 'speed' is not one of x, n, mode, burst", failed=True),
            Piece(ANSWER[:80]),
            Piece(ANSWER[80:]),
            Ended(),
        ):
            app._happened(happening)
        app.screen.set_focus(None)
        await same_screen(pilot, f"conversation-{size}-{theme}")


@every
async def test_approval(size: str, theme: str, app: ChatApp, same_screen: Any) -> None:
    study = make_study()
    accepted = Accepted(
        Candidate({"x": 0.125, "n": 32, "mode": "fast", "burst": 4}),
        Proposal({}, Source("planner", "openai:gpt"), "fast mode batches the writes", {"loss": (1.2, 1.0, 1.5)}),
        (Change("n", 99, 32, "above the maximum: moved"),),
    )
    async with app.run_test(size=SIZES[size]) as pilot:
        app.theme = THEMES[theme]
        await loaded(pilot)
        app.push_screen(ApprovalScreen(accepted, study, study.space.default))
        await pilot.pause(0.3)
        await same_screen(pilot, f"approval-{size}-{theme}")


@every
async def test_trial(size: str, theme: str, app: ChatApp, tuned: str, same_screen: Any) -> None:
    async with app.run_test(size=SIZES[size]) as pilot:
        app.theme = THEMES[theme]
        await loaded(pilot)
        app._command(f"/study {tuned}")
        from trimtab.agent.faces.tui.widgets.trials import TrialTable

        app.post_message(TrialTable.Opened(5))
        await pilot.pause(0.4)
        await same_screen(pilot, f"trial-{size}-{theme}")
