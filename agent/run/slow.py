"""Timeouts that learn: where the objective is the time that an evaluation takes, far slower ones are stopped early.

What was stopped is censored, not failed: it takes at least so long, and the optimizer is told that.
"""

from ...tools.targets import Measurement
from ...tools.targets.reading.quantities import unit_of
from ..study.goals import Objective
from ..study.sections import Study
from ..trials.history import History
from ..trials.trial import Trial

AUTO = 5.0
"""How many times the incumbent's time an evaluation may take, unless the study says otherwise."""
_NEARLY_ALL = 0.5
"""Which share of an evaluation's time the metric must be to be taken for it."""
_AT_LEAST_S = 1.0


def time_limit(study: Study, history: History, trial: Trial) -> float | None:
    """Return after how many seconds an evaluation of a trial is stopped, warm-ups and retries included; None where only
    the study's timeout counts."""
    wanted, best = study.evaluation.stop_slow, history.incumbent
    if (
        wanted == 0
        or not study.executor.STARTS_AT_ONCE
        or study.goals > 1
        or study.fidelity is not None
        or best is None
        or trial.number == 0
    ):
        return None
    seconds = _seconds(study.objectives[0], best)
    taken = best.duration_s / max(1, len(best.values))
    if seconds is None or (wanted == "auto" and not _NEARLY_ALL * taken <= seconds <= taken):
        return None
    if wanted == "auto" and study.target is not None and (study.target.hooks or study.target.service is not None):
        return None  # what happens around an evaluation may take longer than itself
    limit = (AUTO if wanted == "auto" else float(wanted)) * taken * _runs(study) + _AT_LEAST_S
    return limit if limit < study.evaluation.timeout_s else None


def censored(study: Study, history: History, limit: float) -> Measurement:
    """Return the result of an evaluation that was stopped after `limit` seconds: it takes at least so long."""
    objective, best = study.objectives[0], history.incumbent
    assert best is not None
    taken = best.duration_s / max(1, len(best.values))
    times = limit / taken / _runs(study)
    bound = best.metrics[objective.metric] * times
    reason = f"stopped after {limit:.3g} s, {times:.2g} times the incumbent's time (evaluation.stop_slow)"
    return Measurement(state="pruned", metrics={objective.metric: bound}, reason=reason, duration_s=limit)


def _seconds(objective: Objective, trial: Trial) -> float | None:
    """Return a trial's metric in seconds, None where it is no time that should be short."""
    unit = unit_of(objective.unit) if objective.unit else None
    if objective.sense != "minimize" or objective.aim is not None or unit is None or unit.dimension != "time":
        return None
    return trial.metrics[objective.metric] * unit.scale


def _runs(study: Study) -> int:
    """Return how often the program may run for one evaluation."""
    return (1 + study.evaluation.warmup) * (1 + study.evaluation.retries)
