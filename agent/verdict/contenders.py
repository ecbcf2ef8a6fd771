"""Who is checked when the incumbent turns out to break a constraint, or to fail: the next best that should not.

On a border, the best of many noisy measurements is the one that was lucky there. Must not know how pairs are measured.
"""

from collections.abc import Collection
from statistics import median

from ..study.sections import Study
from ..trials.history import History
from ..trials.trial import Trial
from .judgement import Pairs

MOST = 3
"""How many are checked at most, the incumbent included."""


def next_contender(study: Study, history: History, checked: Collection[Trial], pairs: Pairs) -> Trial | None:
    """Return the trial to check instead of the last one of `checked`, whose pairs are given; None for nobody.

    That is the best one which, moved by as much as the last one moved between search and check, keeps all constraints,
    and which is better than a default that keeps them.
    """
    if len(checked) >= MOST:
        return None
    *_, last = checked
    moved = _moved(study, last, pairs)
    default = history.default
    bound = history.losses(default)[0] if default is not None and default.state == "complete" else None
    able = [
        trial
        for trial in history.trials
        if trial.state == "complete"
        and trial is not default
        and trial not in checked
        and (bound is None or history.losses(trial)[0] < bound)
        and all(each.violation(trial.metrics[each.metric] + moved[each.metric]) <= 0 for each in study.constraints)
    ]
    return min(able, key=history.losses, default=None)


def _moved(study: Study, trial: Trial, pairs: Pairs) -> dict[str, float]:
    """Return by how much each constraint's metric was larger on the check seeds than in the search."""
    moved = {}
    for each in study.constraints:
        values = [found.metrics[each.metric] for found in pairs.incumbent if found.state == "complete"]
        moved[each.metric] = median(values) - trial.metrics[each.metric] if values else 0.0
    return moved
