"""A task: a search space, a way to evaluate configurations, and a scale on which results compare across tasks."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...agent.executors.base import Executor, Job
from ...tools.expressions import Value
from ...tools.targets import Measurement, Watch
from .card import Card

SHIPPED = Path(__file__).parent
"""The folder of the tasks that come with trimtab."""

Score = Callable[[Mapping[str, Value]], float]


@dataclass(frozen=True)
class Task:
    """What an arm is run on.

    `sections` are those of a study file. `measure` looks a configuration up in this process, as (configuration,
    seed) -> metrics; None where the study's own target is run. `truth` gives the metric without noise. `best` and
    `typical` are the metric of the best known and of the median configuration, None where nobody knows them.
    """

    name: str
    card: Card
    sections: dict[str, Any]
    best: float | None = None
    typical: float | None = None
    measure: Callable[[Mapping[str, Value], int], Mapping[str, float]] | None = None
    truth: Score | None = None
    directory: Path = field(default_factory=Path)

    def regret(self, value: float, default: float) -> float:
        """Return a metric as normalised regret: 0 is the best known, 1 the median configuration.

        Where either is unknown, it is the share of the default's value that is left (a ratio of losses for positive
        metrics): 1 is the default, and less is better.
        """
        loss = self.card.loss
        if self.best is None:
            return loss(value) / loss(default) if loss(default) > 0 else 1 + loss(value) - loss(default)
        scale = loss(self.typical if self.typical is not None else default) - loss(self.best)
        return (loss(value) - loss(self.best)) / scale if scale > 0 else 0.0

    def loss(self, configuration: Mapping[str, Value]) -> float:
        """Return a configuration's noiseless metric as a number to minimise; for tasks that know it."""
        assert self.truth is not None
        return self.card.loss(self.truth(configuration))

    def executor(self, evaluation_s: float = 0.0) -> Executor | None:
        """Return what evaluates in this process; None where the study's own target is to be run."""
        return None if self.measure is None else LookUp(self.measure, evaluation_s)


class LookUp:
    """An executor that answers from data or a function, after `evaluation_s` on the event loop's clock.

    `measure` raises ValueError to fail an evaluation.
    """

    sandbox_name, sandbox_guarantees, workers = "none", "looked up in this process, no code is run", 1

    def __init__(
        self, measure: Callable[[Mapping[str, Value], int], Mapping[str, float]], evaluation_s: float = 0.0
    ) -> None:
        self.measure, self.evaluation_s = measure, evaluation_s

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:  # noqa: ARG002
        """Look the job's configuration up."""
        if self.evaluation_s:
            await asyncio.sleep(self.evaluation_s)
        taken = {"duration_s": self.evaluation_s}
        try:
            metrics = dict(self.measure(job.candidate.configuration, job.seed))
        except ValueError as error:
            return Measurement(state="failed", reason=str(error), **taken)
        return Measurement(state="complete", metrics=metrics, **taken)

    async def close(self) -> None:
        """Nothing to restore."""
