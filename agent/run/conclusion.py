"""The end of a study: check the incumbent against the default, and find which parameters made the difference."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ...tools.targets import Measurement
from ..events import AblationStep, CheckProgressed, CheckResult, MinimalConfiguration, RaceResult
from ..executors.base import Executor, Job
from ..memory.store.rows import StoredEvaluation
from ..study.sections import Study
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from ..verdict.ablation import differing, measure_ablation
from ..verdict.bounds import Allowance, evaluation_s, searched_s
from ..verdict.check import Measure, measure_pairs
from ..verdict.contenders import next_contender
from ..verdict.judgement import Pairs, judge, nothing_to_check
from ..verdict.minimal import measure_minimal, reductions, unmeasured, worth_it
from ..verdict.race import measure_race, runners
from .record import Record
from .suspect import believed


@dataclass
class Conclusion:
    """What the end of a study found out; filled in by `conclude`. `incumbent` is the trial that was checked last.

    `measured` are the measurements of that check,
    `race` is how its trial was chosen, `cut` what was left out of all this because it is long.
    """

    incumbent: Trial | None = None
    race: list[RaceResult] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
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
    allowance = Allowance(study, searched_s(study, history.trials), found.cut)
    each = (evaluation_s(study, default) + evaluation_s(study, incumbent)) / 2
    study = _with_pairs(study, allowance.pairs(2 * each))
    racing = runners(study, history, record.optimizer.forecast)
    rounds = allowance.rounds(len(racing) + 1, each) if len(racing) > 1 else 0
    found.incumbent = incumbent
    if rounds:
        async for done, total, race in measure_race(study, default, racing, rounds, measure):
            found.incumbent, found.race = race.winner, race.results()
            yield CheckProgressed(study=key, phase="race", done=done, total=total)
            if stopping():
                return
    async for progress in _check(study, record, found, measure, stopping):
        yield progress
    if not (study.check.ablation and found.checks and found.checks[0].improved):
        return
    repeats = allowance.repeats(len(differing(default.configuration, found.incumbent.configuration)), each)
    if not repeats:
        return
    study = study.model_copy(update={"check": study.check.model_copy(update={"ablation_repeats": repeats})})
    async for done, total, steps in measure_ablation(study, default, found.incumbent, measure):
        found.ablation = steps
        yield CheckProgressed(study=key, phase="ablation", done=done, total=total)
        if stopping():
            return
    async for progress in _minimal(study, record, found, measure, stopping):
        yield progress


def _with_pairs(study: Study, pairs: int) -> Study:
    """Return the study with so many of its check seeds."""
    evaluation = study.evaluation.model_copy(update={"check_seeds": study.evaluation.check_seeds[:pairs]})
    return study.model_copy(update={"evaluation": evaluation})


async def _minimal(
    study: Study, record: Record, found: Conclusion, measure: Measure, stopping: Callable[[], bool]
) -> AsyncIterator[CheckProgressed]:
    """Look for a smaller configuration that does as well."""
    default, incumbent = record.history.default, found.incumbent
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
    study: Study, record: Record, found: Conclusion, measure: Measure, stopping: Callable[[], bool]
) -> AsyncIterator[CheckProgressed]:
    """Check who won the race, and while a result is void, the next best; when none holds, the first result stays."""
    history = record.history
    default, contender = history.default, found.incumbent
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


def job(record: Record, candidate: Candidate, seed: int, trial: int, position: int, purpose: str = "tune") -> Job:
    """Return the job that evaluates a candidate once."""
    return Job.of(record.study, candidate, seed, trial=trial, position=position, purpose=purpose)


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
        wanted = job(record, candidate, seed, trial, position, purpose)
        measurement = believed(record.study, await executor.submit(wanted))
        record.retried += measurement.retries
        evaluation = StoredEvaluation(purpose, trial, position, seed, measurement)
        record.store.add_evaluation(record.stored.id, evaluation, json.dumps(candidate.configuration))
        return measurement

    return measure
