"""The durable cost of a trial (propose at random, record the start, record the result) against Optuna's RDB storage.

Measured where the study already has 100, 1,000 and 10,000 trials.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna

from ...agent.memory.store import Store
from ...agent.run.session import Session
from ...agent.testing import make_study, small_study
from .comparison import Ratio, interleaved_ms

SIZES = (100, 1_000, 10_000)
MEASURED = 60


def run() -> Iterator[Ratio]:
    """Grow both to each size, and measure the next trials."""
    with tempfile.TemporaryDirectory() as folder:
        ours = _Ours(Path(folder))
        theirs = _Theirs(Path(folder))
        for size in SIZES:
            ours.grow(size)
            theirs.grow(size)
            mine, baseline = interleaved_ms([ours.trial, theirs.trial], MEASURED)
            yield Ratio(f"durable trial at {size:,} trials", mine, "Optuna RDB on SQLite", baseline, "durable-trial")


class _Ours:
    def __init__(self, folder: Path) -> None:
        parameters = {**small_study()["parameters"]}  # the same space as the baseline's
        parameters["mode"] = {"type": "categorical", "choices": ["slow", "fast"], "default": "slow"}
        sections = {"budget": {"trials": 100_000}, "planner": {"name": "none"}, "forbidden": []}
        study = make_study(folder, parameters=parameters, **sections)
        self.session = Session.start(study, Store(f"sqlite:///{folder / 'ours.db'}"))
        self.rng, self.count = random.Random(0), 0

    def trial(self) -> None:
        trial = self.session.ask()
        self.session.tell(trial.number, {"loss": self.rng.random()})
        self.count += 1

    def grow(self, size: int) -> None:
        while self.count < size:
            self.trial()


class _Theirs:
    def __init__(self, folder: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(
            storage=f"sqlite:///{folder / 'theirs.db'}", sampler=optuna.samplers.RandomSampler(seed=0)
        )
        self.count = 0

    def trial(self) -> None:
        trial = self.study.ask()
        trial.suggest_float("x", -1, 1)
        trial.suggest_int("n", 1, 64, log=True)
        if trial.suggest_categorical("mode", ["slow", "fast"]) == "fast":
            trial.suggest_int("burst", 0, 10)
        self.study.tell(trial, random.random())
        self.count += 1

    def grow(self, size: int) -> None:
        """Add trials in bulk: how they came in does not change what the next one costs."""
        missing = size - self.count
        if missing > 0:
            template = self._finished()
            self.study.add_trials([template] * missing)
            self.count = size

    def _finished(self) -> optuna.trial.FrozenTrial:
        distribution = optuna.distributions.FloatDistribution(-1, 1)
        return optuna.trial.create_trial(params={"x": 0.0}, distributions={"x": distribution}, value=0.0)
