"""`trimtab studies` over 1,000 studies of 100 trials, a whole process, against an empty store."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...agent.memory.store import Store
from .comparison import Ratio, interleaved_ms
from .stores import filled, knobs

STUDIES, TRIALS = 1_000, 100


def run() -> Iterator[Ratio]:
    """Time both in turn."""
    program = str(Path(sys.executable).with_name("trimtab"))
    with tempfile.TemporaryDirectory() as folder:
        full, empty = filled(Path(folder) / "full.db", STUDIES, TRIALS, knobs), f"sqlite:///{folder}/empty.db"
        Store(empty).close()

        def studies(url: str) -> None:
            subprocess.run([program, "studies", "--store", url], check=True, stdout=subprocess.DEVNULL)

        ours, none = interleaved_ms([lambda: studies(full), lambda: studies(empty)], runs=7)
    what = f"trimtab studies at {STUDIES:,} studies of {TRIALS} trials"
    yield Ratio(what, ours / 1e3, "with an empty store", none / 1e3, "studies", unit="s")
