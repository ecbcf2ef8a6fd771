"""The paired check of a stored study again, weeks later: on this machine, by today's settings. Nothing is stored."""

from collections.abc import AsyncIterator, Sequence

from ...tools.targets import Measurement
from ..executors.base import Executor, Job
from ..study.sections import Study
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from ..verdict.check import Measure, measure_pairs
from ..verdict.judgement import Pairs
from .suspect import believed


async def verify(
    study: Study, default: Trial, incumbent: Trial, seeds: Sequence[int], executor: Executor
) -> AsyncIterator[Pairs]:
    """Yield the pairs so far after each seed; `judgement.judge` says what they prove."""
    evaluation = study.evaluation.model_copy(update={"check_seeds": list(seeds)})

    measure = measure_with(study, executor)
    async for pairs in measure_pairs(study.model_copy(update={"evaluation": evaluation}), default, incumbent, measure):
        yield pairs


def measure_with(study: Study, executor: Executor) -> Measure:
    """Return what measures a candidate of a stored study once; nothing is stored."""

    async def measure(purpose: str, trial: int, position: int, seed: int, candidate: Candidate) -> Measurement:
        job = Job.of(study, candidate, seed, trial=trial, position=position, purpose=purpose)
        return believed(study, await executor.submit(job))

    return measure


def seeds_for(study: Study, pairs: int | None) -> list[int]:
    """Return the seeds of so many pairs: the study's check seeds, then further ones that the search never saw."""
    seeds = list(study.evaluation.check_seeds)
    if pairs is None:
        return seeds
    after = max(*seeds, *study.evaluation.tuning_seeds) + 1
    return (seeds + list(range(after, after + pairs)))[:pairs]
