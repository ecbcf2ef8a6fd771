"""What a sampler proposes, and reaches, told noiseless values with nothing around it: no session, no store."""

import time
from collections.abc import Iterator, Sequence

from ...agent.optimizers.mirror import Optimizer
from ...agent.study.sections import Study
from ...agent.study.space import Configuration, key
from ...agent.trials.candidate import Candidate
from ...agent.trials.source import Source
from ...agent.trials.trial import Trial
from ..tasks import load_task
from ..tasks.task import Task


def proposals(task: Task, sampler: str, trials: int, seed: int) -> Iterator[tuple[Configuration, float]]:
    """Yield each trial's configuration, the default first, and the time that proposing it took, milliseconds."""
    assert task.truth is not None
    sections = {**task.sections, "budget": {"trials": trials}, "sampler": {"name": sampler, "seed": seed}}
    study = Study.model_validate(sections)
    metric, optimizer, seen = study.objectives[0].metric, Optimizer(study), set[str]()
    for number in range(trials):
        began = time.perf_counter()
        configuration = study.space.default if number == 0 else optimizer.propose(seen)
        taken = (time.perf_counter() - began) * 1e3
        seen.add(key(configuration))
        optimizer.started(number, configuration)
        trial = Trial(number, Source.of("default" if number == 0 else sampler), Candidate(configuration), "complete")
        trial.metrics = {metric: task.truth(configuration)}
        optimizer.finished(trial)
        yield configuration, taken


def regrets(sampler: str, table: str, seed: int, budgets: Sequence[int]) -> list[float]:
    """Return the regret of the best configuration of one run after each budget; the longest is the run's."""
    task = load_task(table)
    assert task.truth is not None
    best, found = float("inf"), []
    for number, (configuration, _ms) in enumerate(proposals(task, sampler, max(budgets), seed), 1):
        best = min(best, task.regret(task.truth(configuration), 0.0))
        if number in budgets:
            found.append(best)
    return found
