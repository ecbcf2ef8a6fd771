"""Stores of a given size for benchmarks, filled faster than studies would."""

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...agent.memory.store import Store
from ...agent.memory.store.profiles import Profile
from ...agent.run.proposals.opening import definition
from ...agent.study.sections import Study
from ...agent.testing import small_study

_RESULT = {"check": {"improved": True, "ratio": 1.5, "verdict": "improved"}, "best": {"configuration": {"x": 0.5}}}
_ADD = """
INSERT INTO trials (study_id, number, source, configuration, proposal, state, metrics, started, finished, duration_s)
VALUES (?, ?, 'tpe', ?, '{}', 'complete', ?, 1, 2, 1)
"""


def filled(file: Path, studies: int, trials: int, study: Callable[[random.Random], Study]) -> str:
    """Fill a new store with finished studies of as many complete trials each; return its URL."""
    url, rng = f"sqlite:///{file}", random.Random(0)
    store, spaces = Store(url, power_safe=False), {}
    for _ in range(studies):
        made = study(rng)
        stored = store.create_study(made.name, definition(made), "/", Profile.of(made), {})
        store.set_result(stored.id, _RESULT)
        store.release(stored.id, "finished")
        spaces[stored.id] = made.space
    store.close()
    with sqlite3.connect(file) as connection:
        for key, space in spaces.items():
            drawn = [(json.dumps(space.sample(rng)), json.dumps({"loss": rng.random()})) for _ in range(trials)]
            connection.executemany(_ADD, [(key, number, *each) for number, each in enumerate(drawn)])
    connection.close()
    return url


def knobs(rng: random.Random) -> Study:
    """Return a study of ten parameters, most of them those of every other study."""
    names = sorted(rng.sample([f"knob_{index}" for index in range(14)], 10))
    parameters = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in names}
    data: dict[str, Any] = small_study(parameters=parameters, forbidden=[], evaluation={"command": ["true"]})
    return Study.model_validate(data)
