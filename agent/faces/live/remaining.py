"""How long a run still takes: the present phase by its pace, those to come by what an evaluation has taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from ...events import CheckProgressed, Event, StudyFinished, StudyInterrupted, StudyStarted, TrialFinished
from ...study.sections import Study
from ...verdict.planning import plan
from .. import words

PHASES = ("search", "race", "check", "ablation", "minimal")
_PERHAPS = {"ablation", "minimal"}
"""Phases that come only where there is an improvement."""
_RECENT = 20


@dataclass
class Remaining:
    """Follows a run by its events. `clock` gives seconds."""

    study: Study
    clock: Callable[[], float] = time.monotonic
    _workers: int = 1
    _trials: int = 0
    _durations: list[float] = field(default_factory=list)
    _phase: str = "search"
    _began: float = 0.0
    _first: int = 0
    _progress: CheckProgressed | None = None
    _over: bool = False

    def take(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StudyStarted():
                self._workers, self._trials = event.workers, event.trials_done
            case TrialFinished():
                self._trials += 1
                self._durations.append(event.duration_s)
            case CheckProgressed():
                if self._phase != event.phase:
                    self._phase, self._began, self._first = event.phase, self.clock(), event.done
                self._progress = event
            case StudyFinished() | StudyInterrupted():
                self._over = True

    def phases(self) -> dict[str, float]:
        """Return the seconds that each phase still takes, the present one first; empty while nothing is known."""
        if not self._durations or self._over:
            return {}
        one = median(self._durations[-_RECENT:])
        planned = plan(self.study, None, one / self.study.evaluation.repeats).seconds
        coming = PHASES[PHASES.index(self._phase) + 1 :]
        found = {self._phase: self._present(one, planned[self._phase])}
        return found | {name: planned[name] for name in coming if planned[name]}

    def _present(self, one: float, planned: float) -> float:
        if self._progress is None:
            left = max(0, self.study.budget.trials - self._trials)
            return min(left * one / self._workers, self.study.budget.wall_time_s or float("inf"))
        done, total = self._progress.done, self._progress.total
        if done > self._first:
            return (total - done) * (self.clock() - self._began) / (done - self._first)
        return planned * (total - done) / total if total else 0.0

    def line(self) -> str:
        """Return it in words, '' while nothing is known."""
        found = self.phases()
        if not found:
            return ""
        present, *coming = found
        then = [f"{'perhaps ' if each in _PERHAPS else ''}{each} {words.seconds(found[each])}" for each in coming]
        after = f"; then {', '.join(then)}" if then else ""
        return f"{present}: about {words.seconds(found[present])} left{after}"
