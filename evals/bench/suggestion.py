"""Time per suggestion of `auto` against Optuna's TPE, over the last 40 trials of 200; both behind the same loop."""

import math
import time
from collections.abc import Iterator

from ...agent.optimizer import Optimizer
from ...agent.space import key
from ...agent.study import Study
from ...agent.trial import Trial
from ..tasks import load_task
from .comparison import Comparison

BARS = {
    "systems/7z": 2.0,
    "systems/dconvert": 2.0,
    "hpobench/car": 2.0,
    "hpolib/protein_structure": 2.0,
    "hartmann6": math.inf,
}
"""On six real numbers alone TPE is so cheap that the ratio is only shown."""
TRIALS, TIMED = 200, 40


def run() -> Iterator[Comparison]:
    """Run both on tables and a function."""
    for name, bar in BARS.items():
        ours, theirs = (mean_ms(name, sampler) for sampler in ("auto", "optuna-tpe"))
        yield Comparison(f"a suggestion of auto at {TRIALS} trials, {name}", ours, "TPE", theirs, bar)


def mean_ms(name: str, sampler: str) -> float:
    """Return the mean time of the timed suggestions, milliseconds; fits that are due in between are part of it."""
    task, spent = load_task(name), 0.0
    assert task.measure is not None
    sections = {**task.sections, "budget": {"trials": TRIALS}, "sampler": {"name": sampler, "seed": 0}}
    study = Study.model_validate(sections)
    optimizer, seen = Optimizer(study), set[str]()
    for number in range(TRIALS):
        began = time.perf_counter()
        configuration = optimizer.propose(seen)
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        spent += (time.perf_counter() - began) * (number >= TRIALS - TIMED)
        trial = Trial(
            number, sampler, configuration, state="complete", metrics=dict(task.measure(configuration, number))
        )
        optimizer.finished(trial)
    return spent / TIMED * 1e3
