"""The end of a study: check the incumbent against the default, and find which parameters made the difference."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ...tools.targets import Measurement
from ..events import AblationStep, CheckProgressed, CheckResult, MinimalConfiguration
from ..executors.base import Executor, Job
from ..memory.store.rows import StoredEvaluation
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from ..verdict.ablation import measure_ablation
from ..verdict.check import Measure, measure_pairs
from ..verdict.contenders import next_contender
from ..verdict.judgement import Pairs, judge, nothing_to_check
from ..verdict.minimal import measure_minimal, reductions, unmeasured, worth_it
from .record import Record
from .suspect import believed


@dataclass
class Conclusion:
    """What the end of a study found out; filled in by `conclude`. `incumbent` is the trial that was checked last.

    `measured` are the measurements of that check.
    """

    incumbent: Trial | None = None
    checks: list[CheckResult] = field(default_factory=list)
    ablation: list[AblationStep] = field(default_factory=list)
    minimal: MinimalConfiguration | None = None
    measured: list[Measurement] = field(default_factory=list)


async def conclude(
    record: Record, executor: Executor, found: Conclusion, stopping: Callable[[], bool]
) -> AsyncIterator[CheckProgressed]:
    """Measure pairs and the ablation path, yield progress, and fill `found`. Ends early when `stopping`."""
    study, history, key = record.study, record.history, record.stored.key
    default, incumbent = history.default, history.incumbent
    if incumbent is None or default is None:
        return
    if incumbent is default:
        found.checks = nothing_to_check(study)
        return
    measure = _measure_with(record, executor)
    async for progress in _check(record, found, measure, stopping):
        yield progress
    if not (study.check.ablation and found.checks and found.checks[0].improved and found.incumbent is not None):
        return
    async for done, total, steps in measure_ablation(study, default, found.incumbent, measure):
        found.ablation = steps
        yield CheckProgressed(study=key, phase="ablation", done=done, total=total)
        if stopping():
            return
    async for progress in _minimal(record, found, measure, stopping):
        yield progress


async def _minimal(
    record: Record, found: Conclusion, measure: Measure, stopping: Callable[[], bool]
) -> AsyncIterator[CheckProgressed]:
    """Look for a smaller configuration that does as well."""
    study, default, incumbent = record.study, record.history.default, found.incumbent
    if study.check.minimal is False or default is None or incumbent is None:
        return
    tries = reductions(study, default, incumbent, found.ablation)
    if not tries:
        return
    wanted, seconds = worth_it(study, len(tries), found.measured)
    if not wanted:
        found.minimal = unmeasured(incumbent, tries[0], seconds)
        return
    async for done, total, minimal in measure_minimal(study, default, incumbent, tries, found.checks[0], measure):
        found.minimal = minimal
        yield CheckProgressed(study=record.stored.key, phase="minimal", done=done, total=total)
        if stopping():
            return


async def _check(
    record: Record, found: Conclusion, measure: Measure, stopping: Callable[[], bool]
) -> AsyncIterator[CheckProgressed]:
    """Check the incumbent, and while a result is void, the next best; when none holds, the incumbent's result stays."""
    study, history = record.study, record.history
    default, contender = history.default, history.incumbent
    checked: list[Trial] = []
    while default is not None and contender is not None:
        pairs = Pairs([], [])
        async for pairs in measure_pairs(study, default, contender, measure):
            total = len(study.evaluation.check_seeds)
            yield CheckProgressed(study=record.stored.key, phase="check", done=len(pairs.default), total=total)
            if stopping():
                return
        checked.append(contender)
        checks = judge(study, pairs)
        if not found.checks or checks[0].improved:
            found.incumbent, found.checks = contender, checks
            found.measured = [*pairs.default, *pairs.incumbent]
        contender = next_contender(study, history, checked, pairs) if checks[0].void else None


def job(record: Record, candidate: Candidate, seed: int, trial: int) -> Job:
    """Return the job that evaluates a candidate once."""
    study = record.study
    return Job(
        evaluation=study.evaluation,
        directory=study.directory,
        candidate=candidate,
        seed=seed,
        required=study.required_metrics,
        fidelity=study.fidelity.high if study.fidelity else None,
        warmup=study.evaluation.warmup,
        target=study.target,
        trial=trial,
    )


def _measure_with(record: Record, executor: Executor) -> Measure:
    """Return a function that measures and stores, or finds in the store what an earlier run measured."""
    known = {
        (purpose, each.trial, each.position, each.seed): each.measurement
        for purpose in record.store.purposes(record.stored.id)
        for each in record.store.evaluations(record.stored.id, purpose)
    }

    async def measure(purpose: str, trial: int, position: int, seed: int, candidate: Candidate) -> Measurement:
        stored = known.get((purpose, trial, position, seed))
        if stored is not None:
            return stored
        measurement = believed(record.study, await executor.submit(job(record, candidate, seed, trial)))
        record.retried += measurement.retries
        evaluation = StoredEvaluation(purpose, trial, position, seed, measurement)
        record.store.add_evaluation(record.stored.id, evaluation, json.dumps(candidate.configuration))
        return measurement

    return measure
