"""Recall of the 10 most similar of 2,000 studies with 100,000 trials, against recall among twenty."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...agent.memory.recall import recall
from ...agent.memory.store import Store
from .comparison import Ratio, interleaved_ms
from .stores import filled, knobs

STUDIES, TRIALS, FEW, RECALLED = 2_000, 50, 20, 10


def run() -> Iterator[Ratio]:
    """Time both in turn."""
    asking = knobs(random.Random(1))
    with tempfile.TemporaryDirectory() as folder:
        many = Store(filled(Path(folder) / "many.db", STUDIES, TRIALS, knobs))
        few = Store(filled(Path(folder) / "few.db", FEW, TRIALS, knobs))
        assert len(recall(many, asking, limit=RECALLED)) == RECALLED
        calls = [lambda: recall(many, asking, limit=RECALLED), lambda: recall(few, asking, limit=RECALLED)]
        ours, small = interleaved_ms(calls, runs=31)
        many.close()
        few.close()
    what = f"recall of {RECALLED} of {STUDIES:,} studies, {STUDIES * TRIALS:,} trials"
    yield Ratio(what, ours, f"of {FEW} studies", small, "recall")
