"""Worlds with a known truth: what a configuration really gives, and what measuring it shows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...agent.study.file import parse_study
from ...agent.study.sections import Study
from ...tools.expressions import Value
from ..tasks import expand, load_task

Noise = Callable[[np.random.Generator, float], float]
"""Returns the next error, as a logarithm; the number is the one before, for noise that follows the time."""

AA_NOISE: dict[str, Noise] = {
    "normal noise": lambda rng, _last: rng.normal(0, 0.05),
    "heavy tails": lambda rng, _last: 0.03 * rng.standard_t(2),
    "drift": lambda rng, last: last + rng.normal(0, 0.03),
    "bimodal": lambda rng, _last: rng.normal(0, 0.01) + 0.3 * (rng.random() < 0.3),
}
TABLE_NOISE = (0.0, 0.1, 0.3)
_PARAMETERS = 6


@dataclass(frozen=True)
class World:
    """A study with a truth: `truth` gives a configuration's loss (above 0) without noise.

    `group` is the row of the table that it belongs to.
    """

    name: str
    group: str
    study: Study
    truth: Callable[[Mapping[str, Value]], float]
    noise: Noise

    @property
    def metric(self) -> str:
        """The one metric, to be minimised."""
        return self.study.objectives[0].metric

    def measuring(self, seed: int) -> Callable[[Mapping[str, Value]], float]:
        """Return what measures a configuration once; the errors depend on the seed and the order of measurements."""
        rng = np.random.default_rng(seed)
        last = [0.0]

        def measure(configuration: Mapping[str, Value]) -> float:
            last[0] = self.noise(rng, last[0])
            return self.truth(configuration) * math.exp(last[0])

        return measure


def worlds() -> list[World]:
    """Return all worlds: A/A studies for four kinds of noise, and each measured system under three levels."""
    return [*map(_nothing_matters, AA_NOISE), *(_table(name, noise) for noise in TABLE_NOISE for name in _tables())]


def _nothing_matters(kind: str) -> World:
    names = [f"p{index}" for index in range(_PARAMETERS)]
    sections = {
        "study": {"name": f"nothing-{kind.replace(' ', '-')}"},
        "parameters": {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in names},
        "objectives": [{"metric": "seconds", "direction": "minimize"}],
        "evaluation": {"command": ["true"]},
    }
    return World(
        f"A/A, {kind}", f"nothing matters, {kind}", _study(sections), lambda _configuration: 1.0, AA_NOISE[kind]
    )


def _tables() -> list[str]:
    return list(expand(["systems/*"], Path()))


def _table(name: str, level: float) -> World:
    task = load_task(name)
    assert task.truth is not None

    def noise(rng: np.random.Generator, _last: float) -> float:
        return float(rng.normal(0, level)) if level else 0.0

    return World(
        f"{name}, {level:.0%} noise", f"measured systems, {level:.0%} noise", _study(task.sections), task.loss, noise
    )


def _study(sections: Mapping[str, Any]) -> Study:
    rest = {"planner": {"name": "none", "recall": False}, "check": {"ablation": False}}
    return parse_study({**sections, **rest}, Path.cwd() / "world.toml", check_files=False)
