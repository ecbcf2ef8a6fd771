"""Functions with a known optimum, with noise where the card asks for it: to test the harness and the samplers."""

import hashlib
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ....agent.study.sections import Study
from ....agent.study.space import key
from ....tools.errors import InputError
from ....tools.expressions import Value
from ..card import Card
from ..task import Task

_HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])


def branin(c: Mapping[str, Any]) -> float:
    """Return Branin's function; its minimum is 0.397887."""
    bend = c["x2"] - 5.1 / (4 * math.pi**2) * c["x1"] ** 2 + 5 / math.pi * c["x1"] - 6
    return float(bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(c["x1"]) + 10)


def hartmann6(c: Mapping[str, Any]) -> float:
    """Return Hartmann's function of six variables; its minimum is -3.32237."""
    x = np.array([c[f"x{index}"] for index in range(1, 7)])
    return -float(_HARTMANN_WEIGHTS @ np.exp(-(_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(axis=1)))


def cache(c: Mapping[str, Any]) -> float:
    """Return the made-up response time of a service with a cache: a conditional space; its minimum is 1."""
    threads = 1.0 + abs(math.log2(c["threads"] / 16)) ** 1.5
    if c["cache"] == "none":
        return float(threads + 4)
    size = abs(math.log2(c["cache_mb"] / (256 if c["cache"] == "lru" else 1024)))
    return float(threads + (1.0 if c["cache"] == "lru" else 0.0) + 0.5 * size)


FUNCTIONS: dict[str, Callable[[Mapping[str, Any]], float]] = {"branin": branin, "hartmann6": hartmann6, "cache": cache}


def build(card: Card, dataset: str) -> Task:
    """Return the task of the card's `options.function`, with normal noise of `options.noise` standard deviations.

    The noise of an evaluation is fixed by its configuration and seed.

    Raises:
        InputError: there is no such function.
    """
    del dataset
    name, noise = card.options.get("function", ""), float(card.options.get("noise", 0.0))
    if name not in FUNCTIONS:
        raise InputError(f"{card.folder}/card.toml: options.function: {name!r}", f"one of: {', '.join(FUNCTIONS)}")
    function = FUNCTIONS[name]

    def measure(configuration: Mapping[str, Value], seed: int) -> dict[str, float]:
        mark = hashlib.blake2b(f"{key(configuration)} {seed}".encode(), digest_size=8).digest()
        error = noise * random.Random(mark).gauss(0, 1) if noise else 0.0
        return {card.metric: function(configuration) + error}

    sections: dict[str, Any] = {
        "study": {"name": card.folder.name, "description": card.description},
        "parameters": card.parameters,
        "objectives": [{"metric": card.metric, "direction": card.direction}],
        "evaluation": {"command": ["true"]},
    }
    space = Study.model_validate(sections).space
    rng = random.Random(0)
    values = sorted(function(space.sample(rng)) for _ in range(1001))
    return Task(
        name=card.folder.name,
        card=card,
        sections=sections,
        best=card.best_known,
        typical=card.typical if card.typical is not None else values[500],
        measure=measure,
        truth=function,
    )
