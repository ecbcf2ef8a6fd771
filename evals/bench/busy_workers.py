"""Two workers, evaluations of one second, and a model that answers after three: time against workers never idle."""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...agent.memory.store import Store
from ...agent.models.scripted import Reply, ScriptedEndpoint, answer
from ...agent.run.session import Session
from ...agent.testing import FunctionExecutor, make_study
from .comparison import Ratio

TRIALS, WORKERS, EVALUATION_S, ANSWER_S = 40, 2, 1.0, 3.0


def run() -> Iterator[Ratio]:
    """Run one study; at least 95 % busy is a ratio of at most 1 / 0.95."""
    rng = random.Random(0)

    def reply(_request: dict[str, Any]) -> Reply:
        values = {"x": rng.uniform(-1, 1), "n": rng.randint(1, 64), "mode": "slow"}
        made = answer(json.dumps({"proposals": [{"values": values, "rationale": "an idea"}]}))
        return Reply(made.status, made.body, delay_s=ANSWER_S)

    with tempfile.TemporaryDirectory() as folder, ScriptedEndpoint(otherwise=reply) as endpoint:
        study = make_study(
            budget={"trials": TRIALS},
            evaluation={"workers": WORKERS},
            planner={"name": "model"},
            model={"name": "scripted", "base_url": endpoint.base_url, "capability": "json_schema"},
        )
        session = Session.start(study, Store(f"sqlite:///{Path(folder) / 'store.db'}"))
        seconds = asyncio.run(_search_seconds(session))
    ideal = TRIALS * EVALUATION_S / WORKERS
    what = f"search of {TRIALS} trials beside a model that takes {ANSWER_S:g} s"
    yield Ratio(what, seconds * 1e3, "workers never idle", ideal * 1e3, "workers-busy")


async def _search_seconds(session: Session) -> float:
    """Return the time from the first trial's start to the last one's end."""
    executor = FunctionExecutor(lambda c, _seed: {"loss": float(c["x"])}, workers=WORKERS, delay_s=EVALUATION_S)
    first = last = 0.0
    finished = 0
    async for event in session.run(executor):
        if event.event == "trial_started" and not first:
            first = time.monotonic()
        elif event.event == "trial_finished":
            finished, last = finished + 1, time.monotonic()
            if finished == TRIALS:
                break
    return last - first
