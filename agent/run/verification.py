"""The paired check of a stored study again, weeks later: on this machine, by today's settings. Nothing is stored."""

from collections.abc import AsyncIterator, Sequence

from ...tools.targets import Measurement
from ..executors.base import Executor, Job
from ..study.sections import Study
from ..study.space import Configuration
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from ..verdict.check import measure_pairs
from ..verdict.judgement import Pairs


async def verify(
    study: Study, default: Trial, incumbent: Trial, seeds: Sequence[int], executor: Executor
) -> AsyncIterator[Pairs]:
    """Yield the pairs so far after each seed; `judgement.judge` says what they prove."""
    evaluation = study.evaluation.model_copy(update={"check_seeds": list(seeds)})

    async def measure(
        _purpose: str, trial: int, _position: int, seed: int, configuration: Configuration
    ) -> Measurement:
        return await executor.submit(
            Job(
                evaluation=study.evaluation,
                directory=study.directory,
                candidate=Candidate(configuration),
                seed=seed,
                required=study.required_metrics,
                fidelity=study.fidelity.high if study.fidelity else None,
                warmup=study.evaluation.warmup,
                target=study.target,
                trial=trial,
            )
        )

    async for pairs in measure_pairs(study.model_copy(update={"evaluation": evaluation}), default, incumbent, measure):
        yield pairs


def seeds_for(study: Study, pairs: int | None) -> list[int]:
    """Return the seeds of so many pairs: the study's check seeds, then further ones that the search never saw."""
    seeds = list(study.evaluation.check_seeds)
    if pairs is None:
        return seeds
    after = max(*seeds, *study.evaluation.tuning_seeds) + 1
    return (seeds + list(range(after, after + pairs)))[:pairs]
