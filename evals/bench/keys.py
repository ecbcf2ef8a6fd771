"""The terminal interface in a real terminal: how soon a key is seen while a study runs, and what it costs to wait.

The baseline is an empty Textual application with an input, in the same run and in a terminal of the same size. The
study is searched by kriging with 200 trials behind it, whose suggestions are the dearest that run beside the screen.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from ...agent.memory.store import Store
from ...agent.run.importing import Given, import_trials
from ...agent.study.file import load_study
from ...tools.targets import Measurement
from .comparison import Ratio
from .terminal import Terminal

TRIALS, KEYS, IDLE_S = 200, 60, 10.0
PAUSES_S = (0.05, 0.4, 0.7, 1.0, 0.55)
"""Between keys: while somebody types the study is not drawn, so most keys come after a pause, in the midst of it."""
_LETTERS = "łđħŧŋßøæþð"
"""Keys that no text of ours has: what comes back is the echo."""
_EMPTY = """
from textual.app import App
from textual.widgets import Input
class Empty(App[None]):
    def compose(self):
        yield Input()
Empty().run()
"""
_CHAT = """
import sys
from trimtab.agent.faces.commands.chat import run_chat
run_chat(sys.argv[1], resume=None, go_on=False, model="none", store=sys.argv[2])
"""
_PROGRAM = (
    "import sys; print(str(dict(loss=sum((float(x) - 0.3) ** 2 for x in sys.argv[1:]))).replace(chr(39), chr(34)))"
)
_STUDY = """
[study]
name = "keys"
{parameters}
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{{python}}", "-c", "{program}", {words}]
[budget]
trials = 10000
[sampler]
name = "kriging"
[planner]
name = "none"
"""


def run() -> Iterator[Ratio]:
    """Type into both programs, then leave them alone."""
    with tempfile.TemporaryDirectory() as folder:
        url, key = _stored(Path(folder))
        with Terminal([sys.executable, "-c", _EMPTY], folder) as empty:
            empty.settle()
            before, resting = _echoes(empty), _idle(empty)
        with Terminal([sys.executable, "-c", _CHAT, key, url], folder) as chat:
            chat.until("keys")
            chat.settle()
            idle = _idle(chat)
            chat.send("/start\r")
            chat.until("running")
            during = _echoes(chat)
    baseline = "an empty Textual application"
    yield Ratio(
        "from a key to the screen during a run, median",
        statistics.median(during),
        baseline,
        statistics.median(before),
        "key-echo",
    )
    yield Ratio(
        "from a key to the screen during a run, 95th percentile", _p95(during), baseline, _p95(before), "key-echo-p95"
    )
    yield Ratio("processor time while nothing runs", idle, baseline, resting, "idle-cpu", unit="%")


def _stored(folder: Path) -> tuple[str, str]:
    """Return the store's URL and the key of a study with its first trials behind it."""
    names = [f"p{number}" for number in range(8)]
    parameters = "\n".join(
        f'[parameters.{name}]\ntype = "float"\nlow = 0.0\nhigh = 1.0\ndefault = 0.5' for name in names
    )
    words = ", ".join(f'"{{{name}}}"' for name in names)
    file = folder / "study.toml"
    file.write_text(_STUDY.format(parameters=parameters, program=_PROGRAM, words=words), encoding="utf-8")
    study, chance = load_study(file), random.Random(0)
    rows = []
    for number in range(TRIALS):
        values = {name: 0.5 if number == 0 else chance.random() for name in names}
        loss = sum((value - 0.3) ** 2 for value in values.values())
        rows.append(Given(f"row {number}", values, Measurement(state="complete", metrics={"loss": loss})))
    url = f"sqlite:///{folder / 'store.db'}"
    store = Store(url)
    found = import_trials(study, store, rows, resume=False)
    store.close()
    return url, found.key


def _echoes(terminal: Terminal) -> list[float]:
    """Return the times from keys to their echoes, milliseconds."""
    found = []
    for letter, pause in islice(zip(cycle(_LETTERS), cycle(PAUSES_S), strict=False), KEYS):
        began = terminal.send(letter)
        found.append((terminal.until(letter) - began) * 1e3)
        terminal.send("\x7f")
        time.sleep(pause)
    return found


def _idle(terminal: Terminal) -> float:
    """Return the processor time that the program takes while nobody does anything, percent of a core."""
    before = _seconds(terminal.pid)
    time.sleep(IDLE_S)
    return max(0.01, (_seconds(terminal.pid) - before) / IDLE_S * 100)  # below the clock's tick is no figure


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]
