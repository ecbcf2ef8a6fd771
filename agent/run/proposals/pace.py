"""How long the planner and an evaluation take, and what follows: how the planner is asked and how long a run waits.

Waiting for the opening may take a quarter of a run; all later waits together at most `PAUSES` of it.
"""

import math
from collections import deque
from statistics import median
from typing import Literal

from ...study.sections import Study
from ...trials.history import History

LEAST_WAIT_S, MOST_WAIT_S, WAIT_SHARE = 15.0, 60.0, 0.25
"""The wait for the opening: this share of the expected run, within bounds."""
CLIENT_WAIT_S, CLIENT_PAUSES_S = 120.0, 30.0
"""Somebody else's agent reads and thinks before it has its first ideas, and looks at results: the waits for it."""
PAUSES = 0.3
"""The share of the expected run that later waits may take."""
OPENING_IDEAS, LOOK_IDEAS, STEP_IDEAS = 6, 5, 3
LEAST_BATCH, MOST_BATCH = 3, 8

_NOTHING_S = 0.05
"""Latencies and evaluations below this are as good as none: their ratio says nothing."""
_RECENT = 20

Rhythm = Literal["batch", "even", "stepwise"]


class Pace:
    """The times of one study's run, as measured so far."""

    def __init__(self, study: Study, history: History) -> None:
        self.study, self.history = study, history
        self.paused_s = 0.0
        """Seconds that the run has waited for answers after the opening."""
        self._latencies: deque[float] = deque(maxlen=3)

    def answered(self, latency_s: float) -> None:
        """Take in how long a thought took."""
        self._latencies.append(latency_s)

    @property
    def latency_s(self) -> float:
        """How long a thought takes; 0 while nobody knows."""
        return median(self._latencies) if self._latencies else 0.0

    @property
    def evaluation_s(self) -> float:
        """How often a worker is free, in seconds: the time of an evaluation over the number of workers."""
        times = [trial.duration_s for trial in self.history.finished[-_RECENT:]]
        return median(times) / self.study.evaluation.workers if times else 0.0

    @property
    def run_s(self) -> float:
        """How long the search will take without waiting."""
        limit = self.study.budget.wall_time_s or math.inf
        return min(limit, self.evaluation_s * self.study.budget.trials)

    @property
    def rhythm(self) -> Rhythm:
        """How to ask: many ideas at a few points where the planner is slow beside an evaluation, one at a time where
        it is fast, a few at a time between."""
        if self.study.planner.rhythm != "auto":
            return self.study.planner.rhythm
        latency, evaluation = max(self.latency_s, _NOTHING_S), max(self.evaluation_s, _NOTHING_S)
        if latency > 3 * evaluation:
            return "batch"
        return "stepwise" if evaluation > latency else "even"

    def ideas(self, share: float) -> int:
        """Return how many ideas to ask for after the second look, when the planner has this share of the trials."""
        rhythm = self.rhythm
        if rhythm == "batch":
            wanted = share * self.latency_s / max(self.evaluation_s, _NOTHING_S)
            return round(min(MOST_BATCH, max(LEAST_BATCH, wanted)))
        return 1 if rhythm == "stepwise" else STEP_IDEAS

    def opening_wait_s(self) -> float:
        """Return how long the run waits for the opening ideas."""
        given = self.study.planner.longest_wait_s
        if given is None and self.study.planner.name == "client":
            return CLIENT_WAIT_S
        return min(MOST_WAIT_S, max(LEAST_WAIT_S, WAIT_SHARE * self.run_s)) if given is None else given

    def look_wait_s(self) -> float:
        """Return how long the run waits for a later thought: 0 where that is much beside what is left of the run."""
        given = self.study.planner.longest_wait_s
        if given is not None:
            return given
        if self.study.planner.name == "client":
            return max(0.0, CLIENT_PAUSES_S - self.paused_s)
        if self.latency_s <= _NOTHING_S:
            return _NOTHING_S
        left = self.study.budget.trials - len(self.history.trials)
        allowed = min(PAUSES * self.run_s - self.paused_s, left * self.evaluation_s)
        return min(allowed, 3 * self.latency_s) if self.latency_s <= allowed else 0.0

    def ahead(self) -> int:
        """Return how many trials before an idea is due the planner must be asked, where the run does not wait."""
        if self.look_wait_s() > 0:
            return 1
        return 1 + math.ceil(self.latency_s / max(self.evaluation_s, _NOTHING_S))
