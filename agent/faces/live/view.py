"""What a live face knows of a run: kept up to date by events alone."""

from dataclasses import dataclass, field

from ...events import (
    CheckProgressed,
    Event,
    ModelCalled,
    PlannerAnswered,
    PlannerAsked,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)
from ...study.sections import Study
from .. import words
from .remaining import Remaining


@dataclass
class View:
    """The state of a run as its events tell it. Losses are those of the first objective."""

    study: Study
    started: StudyStarted | None = None
    default: dict[str, float] = field(default_factory=dict)
    incumbent: dict[str, float] = field(default_factory=dict)
    running: dict[int, TrialStarted] = field(default_factory=dict)
    best_losses: list[float] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    finished: int = 0
    failed: int = 0
    phase: CheckProgressed | None = None
    spent: str = ""
    waiting: PlannerAsked | None = None
    """What the run waits for, while it does."""
    remaining: Remaining = field(init=False)

    def __post_init__(self) -> None:
        self.remaining = Remaining(self.study)

    def take(self, event: Event) -> None:
        """Take in one event."""
        self.remaining.take(event)
        match event:
            case StudyStarted():
                self.started, self.finished = event, event.trials_done
                self.default = event.default.metrics if event.default else {}
                self.incumbent = event.best.metrics if event.best else {}
            case TrialStarted():
                self.running[event.trial] = event
                self.waiting = None
            case PlannerAsked():
                self.waiting = event if event.wait_s > 0 else None
            case PlannerAnswered():
                self.waiting = None
            case TrialFinished():
                self._finish(event)
            case CheckProgressed():
                self.phase = event
            case ModelCalled():
                self.spent = words.model_spending(event.budget)

    def _finish(self, event: TrialFinished) -> None:
        self.running.pop(event.trial, None)
        self.finished += 1
        self.failed += event.state == "failed"
        self.durations.append(event.duration_s)
        if event.source == "default":
            self.default = event.metrics
        if event.incumbent:
            self.incumbent = event.metrics
        objective = self.study.objectives[0]
        if event.state == "complete":
            loss = objective.loss(event.metrics[objective.metric])
            self.best_losses.append(min([loss, *self.best_losses[-1:]]))

    def gain(self) -> float | None:
        """How many times better the incumbent is than the default, both as searched (not checked)."""
        objective = self.study.objectives[0]
        before, after = self.default.get(objective.metric), self.incumbent.get(objective.metric)
        if objective.aim is not None or before is None or after is None:
            return None
        return objective.gain(before, after)
