"""Results of edited code that are too good to be believed at once.

Beyond `code.floor` they are void, whoever measured them. One that is far better than anybody expected is measured again
at once, with inputs that no trial has seen: a trial that loses most of its gain there is quarantined, as failed.
"""

import math
from collections.abc import Sequence
from itertools import count

from ...tools.targets import Measurement
from ..study.sections import Study
from ..trials.history import History
from ..trials.trial import Trial

_FAR = 3.0
"""So many times better than the incumbent is suspect, where nobody predicted it."""
_KEPT = 0.5
"""Of a suspect's gain, in logarithms, so much must be there with new inputs."""
_SEEDS_FROM = 40_001


def believed(study: Study, found: Measurement) -> Measurement:
    """Return a measurement as it may be used: one that is better than the floor has failed, as a suspect."""
    floor = study.code.floor if study.code is not None else None
    objective = study.objectives[0]
    if floor is None or found.state != "complete" or objective.metric not in found.metrics:
        return found
    value = found.metrics[objective.metric]
    if objective.loss(value) >= objective.loss(floor):
        return found
    reason = f"suspect: {objective.metric} = {value:.6g} is beyond code.floor = {floor:g}, which no honest result is"
    return found.model_copy(update={"state": "failed", "reason": reason, "metrics": {}})


def suspicion(study: Study, history: History, trial: Trial, measurements: Sequence[Measurement]) -> str:
    """Return why the first measurement of a trial of edited code is not believed yet; '' where it is."""
    best = history.incumbent
    if trial.candidate.patch is None or not measurements or best is None or study.goals > 1:
        return ""
    first, objective = measurements[0], study.objectives[0]
    if first.state != "complete" or best is trial:
        return ""
    gain = _gain(study.losses(first.metrics)[0], history.losses(best)[0])
    if gain <= 0:
        return ""
    value, predicted = first.metrics[objective.metric], trial.predicted.get(objective.metric)
    if predicted is not None:
        hoped = min(objective.loss(end) for end in predicted[1:])
        return f"better than its author's best guess, {min(predicted[1:]):.4g}" if objective.loss(value) < hoped else ""
    return "" if gain < math.log(_FAR) else f"more than {_FAR:g} times better than trial {best.number}"


def holds(study: Study, history: History, first: Measurement, again: Measurement) -> bool:
    """Whether a suspect result is there with new inputs too."""
    best = history.incumbent
    if again.state != "complete" or best is None:
        return again.state == "complete"
    before = history.losses(best)[0]
    claimed, found = (_gain(study.losses(each.metrics)[0], before) for each in (first, again))
    return found >= _KEPT * claimed


def quarantined(study: Study, why: str, first: Measurement, again: Measurement) -> Measurement:
    """Return the second measurement of a suspect that did not hold, as a failed one."""
    metric = study.objectives[0].metric
    there = f"{again.metrics[metric]:.4g}" if again.state == "complete" else again.reason or again.state
    reason = f"quarantined: {metric} = {first.metrics[metric]:.4g} was {why}, and with new inputs it is {there}"
    return again.model_copy(update={"state": "failed", "reason": reason, "metrics": {}})


def fresh_seed(study: Study, trial: Trial) -> int:
    """Return a seed that nothing else is measured with: not the search, the race, the check, nor another suspect."""
    used = {*study.evaluation.check_seeds, *study.evaluation.tuning_seeds}
    return next(seed for seed in count(_SEEDS_FROM + trial.number) if seed not in used)


def _gain(loss: float, before: float) -> float:
    """Return by how much a loss is better: a log ratio of losses of one sign, else infinitely much or nothing."""
    if loss > 0 < before:
        return math.log(before / loss)
    if loss < 0 > before:
        return math.log(loss / before)
    return math.copysign(math.inf, before - loss) if loss != before else 0.0
