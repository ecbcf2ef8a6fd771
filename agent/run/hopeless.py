"""Tells a run that goes nowhere: nothing has worked yet, and the latest trials fail alike or are too many."""

import re
from collections.abc import Sequence

from ..trials.trial import Trial

UNLIKE = 2
"""How many times as many trials may fail when their reasons differ: then there is something to find out."""

_VARYING = re.compile(r"trimtab-\S+|0x[0-9a-f]+|[-+]?\d[\d.,]*(e[-+]?\d+)?", re.IGNORECASE)


def hopeless(finished: Sequence[Trial], before: int, give_up: int) -> str:
    """Return in words why a run should not go on, '' when it should.

    `before` counts the trials that had ended when somebody last decided to go on; `give_up` is the budget's.
    """
    failed = finished[before:]
    if not give_up or len(failed) < give_up or any(trial.state not in {"failed", "lost"} for trial in finished):
        return ""
    first = "the default and the next" if before == 0 else "after going on,"
    many = len(failed) - (before == 0)
    if len({_shape(trial) for trial in failed}) == 1:
        return f"{first} {many} trials failed alike: {failed[-1].reason}"
    if len(failed) < UNLIKE * give_up:
        return ""
    return f"{first} {many} trials failed, the last: {failed[-1].reason}"


def _shape(trial: Trial) -> str:
    """Return a reason without what differs from run to run: numbers, addresses, names of working directories."""
    return _VARYING.sub("#", trial.reason or "")
