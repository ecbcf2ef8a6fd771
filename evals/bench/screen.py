"""The terminal interface: how long the event loop is held up with 10,000 trials and a long answer, and first paint."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...agent.chat.transcript import Transcript
from ...agent.faces.tui.app import ChatApp
from ...agent.faces.tui.widgets.answer import Answer
from ...agent.memory.store import Store
from ...agent.testing import make_study
from ...agent.trials.history import History
from .comparison import Ratio
from .prompt_size import context_of

TRIALS, FEW, LINES, SHORT, RUNS = 10_000, 10, 10_000, 1_000, 7
_EMPTY = """
import os
from textual.app import App
class Empty(App[None]):
    def on_mount(self) -> None:
        self.call_after_refresh(os._exit, 0)
Empty().run(headless=True)
"""
_OURS = """
import os, tempfile
from trimtab.agent.faces.commands.chat import open_conversation
from trimtab.agent.faces.tui.app import ChatApp
import trimtab.agent.faces.tui.app as m
from pathlib import Path
class Ours(ChatApp):
    CSS_PATH = str(Path(m.__file__).parent / "app.tcss")
    def on_mount(self) -> None:
        self.call_after_refresh(os._exit, 0)
url = "sqlite:///" + tempfile.mkdtemp() + "/s.db"
Ours(lambda: open_conversation(url, None, go_on=False), greet=False).run(headless=True)
"""


def run() -> Iterator[Ratio]:
    """Measure delays of a 5 ms timer while an answer streams beside a full table, then starts of both programs."""
    sizes = ((TRIALS, LINES), (FEW, SHORT))
    many, few = (statistics.quantiles(asyncio.run(_delays(*size)), n=20)[-1] * 1e3 for size in sizes)
    what = f"event-loop delay, 95th percentile, {TRIALS:,} trials and an answer of {LINES:,} lines"
    yield Ratio(what, many, f"{FEW} trials and an answer of {SHORT} lines", few, "screen-delay")
    times: dict[str, list[float]] = {_OURS: [], _EMPTY: []}
    for _ in range(RUNS):
        for program, found in times.items():
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", program], check=True, capture_output=True, env={**os.environ, "TERM": "xterm"}
            )
            found.append((time.perf_counter() - began) * 1e3)
    ours, empty = statistics.median(times[_OURS]), statistics.median(times[_EMPTY])
    yield Ratio("trimtab chat, start to first paint", ours, "an empty Textual application", empty, "first-paint")


async def _delays(trials: int, lines: int) -> list[float]:
    delays: list[float] = []

    async def probe() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            delays.append(time.perf_counter() - began - 0.005)

    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}")
        app = ChatApp(lambda: (store, Transcript(store)), greet=False)
        history = context_of(trials).history
        async with app.run_test(size=(160, 50)) as pilot:
            await pilot.pause(0.5)
            app.control.study = make_study()
            app.control._history = History(app.control.study)  # noqa: SLF001  # trials that no run has made
            app.control._history.trials = history.trials  # noqa: SLF001
            app.control._history.incumbent = history.incumbent  # noqa: SLF001
            app._refresh_study(force=True)  # noqa: SLF001
            answer = Answer()
            app.talk.add(answer)
            await pilot.pause(0.3)
            watching = asyncio.create_task(probe())
            for line in range(lines):
                answer.feed(
                    f"- line {line} of a **long** answer about `parameter_{line}`\n" + ("\n" if line % 12 == 0 else "")
                )
                if line % 20 == 0:
                    await asyncio.sleep(0.01)
            await pilot.pause(0.5)
            watching.cancel()
        store.close()
    return delays
