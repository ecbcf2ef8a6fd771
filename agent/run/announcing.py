"""What is announced of a run, built from its record."""

from collections.abc import Mapping
from typing import Any

from .. import events
from ..executors.base import Executor
from ..memory.store.rows import StoredEvaluation
from ..planners.base import Planner
from ..planners.calibration import calibrate
from ..trials.trial import Trial
from .conclusion import Conclusion
from .record import Record


def study_started(record: Record, planner: Planner, executor: Executor) -> events.StudyStarted:
    """Return the event of a run that begins, or goes on."""
    return events.StudyStarted(
        study=record.stored.key,
        resumed=bool(record.history.trials),
        trials_done=len(record.history.finished),
        planner=planner.name,
        planner_reason=planner.why,
        sampler=record.optimizer.name,
        sandbox=executor.sandbox_name,
        sandbox_guarantees=executor.sandbox_guarantees,
        workers=executor.workers,
        budget=record.ledger.snapshot(),
        store=record.store.shown,
        environment=record.stored.environment,
        **_so_far(record),
    )


def evaluated(record: Record, stored: StoredEvaluation) -> events.EvaluationFinished:
    """Return the event of an evaluation of the search that ended."""
    return events.EvaluationFinished(
        study=record.stored.key,
        trial=stored.trial,
        position=stored.position,
        repeats=max(record.study.evaluation.repeats, stored.position + 1),
        seed=stored.seed,
        phase=stored.measurement.phase,
        **stored.measurement.model_dump(exclude={"log", "notice", "attempt"}),
    )


def trial_finished(record: Record, trial: Trial, *, improved: bool) -> events.TrialFinished:
    """Return the event of a trial that has its result."""
    return events.TrialFinished.of(record.stored.key, trial, record.ledger.snapshot(), improved=improved)


def study_finished(
    record: Record,
    planner: Planner,
    executor: Executor,
    found: Conclusion,
    stopped_by: str,
    counted: Mapping[str, Any],
) -> events.StudyFinished:
    """Return the last event of a run.

    `counted` are its calls of the model by outcome, its problems by code, and the seconds it waited for answers.
    """
    study, history = record.study, record.history
    several = study.goals > 1 or study.cost is not None
    return events.StudyFinished(
        study=record.stored.key,
        trials=len(history.finished),
        stopped_by=stopped_by,
        **{**_so_far(record), **({"best": events.best_of(found.incumbent)} if found.incumbent else {})},
        check=found.checks[0] if found.checks else None,
        checks=found.checks,
        race=found.race,
        cut=found.cut,
        ablation=found.ablation,
        minimal=found.minimal,
        front=[events.best_of(trial) for trial in history.front()] if several else [],
        counts=record.counts(),
        memory={trial.number: trial.because for trial in history.trials if trial.because},
        **counted,
        budget=record.ledger.snapshot(),
        calibration=str(calibrate(history.trials, study.objectives[0].metric) or ""),
        planner=planner.name,
        planner_reason=planner.why,
        sampler=record.optimizer.name,
        sandbox=executor.sandbox_name,
    )


def _so_far(record: Record) -> dict[str, Any]:
    """Return the fields that show default and incumbent as they stand."""
    best, default = record.history.incumbent, record.history.default
    return {
        "best": events.best_of(best) if best else None,
        "default": events.DefaultTrial(metrics=default.metrics, state=default.state) if default else None,
    }
