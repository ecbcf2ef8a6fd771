"""What a trial with two objectives costs beside its evaluation at 2,000 trials, all of them on the front."""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from ...agent.memory.store import Store
from ...agent.run.session import Session
from ...agent.testing import make_study
from .comparison import Ratio, time_ms

FEW, MANY, MEASURED = 100, 2_000, 60


def run() -> Iterator[Ratio]:
    """Ask and tell the same session on, and compare its trials around both numbers."""
    goals = [{"metric": name, "direction": "minimize"} for name in ("seconds", "joules")]
    budget = {"trials": 2 * MANY}
    study = make_study(objectives=goals, budget=budget, planner={"name": "none"}, sampler={"name": "random"})
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.db'}", power_safe=False)  # the disk would hide the rest
        session = Session.start(study, store)

        def trial() -> None:
            asked, share = session.ask(), rng.random()
            session.tell(asked.number, {"seconds": share, "joules": 1 - share})

        times = [time_ms(trial) for _ in range(MANY + MEASURED)]
        assert len(session.record.history.front()) == len(times)
        session.close()
        store.close()
    few, many = median(times[FEW : FEW + MEASURED]), median(times[MANY:])
    yield Ratio(f"trial with two objectives at {MANY:,} trials", many, f"at {FEW} trials", few, "bookkeeping")
