"""Results that no honest evaluation gives: beyond `code.floor` they are void, whoever measured them."""

from ...tools.targets import Measurement
from ..study.sections import Study


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
