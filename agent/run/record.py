"""Keeps the store, the history, the optimizer and the ledger of one study in step.

The store is written first; everything else is rebuilt from it when a study is resumed.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median

from ...tools.targets import Measurement
from ..budget import MODEL_RESOURCES, Ledger, Resource
from ..events import StudyFinished
from ..memory.store import Store
from ..memory.store.rows import StoredEvaluation, StoredStudy
from ..optimizers.mirror import Optimizer
from ..study.sections import Study
from ..trials.branches import Branches
from ..trials.grown import OUTSIDE, fitted, is_outside
from ..trials.history import History, violations
from ..trials.proposal import Accepted
from ..trials.racing import enough
from ..trials.trial import Trial
from .clock import Clock
from .proposals.gate import Gate
from .result import result_of


def limits_of(study: Study) -> dict[Resource, float]:
    """Return the limits of a study's budget; a resource that is not limited is left out."""
    limits: dict[Resource, float] = {"trials": study.budget.trials}
    for resource in ("wall_time_s", *MODEL_RESOURCES):
        limit = getattr(study.budget, resource)
        if limit is not None:
            limits[resource] = limit
    return limits


class Record:
    """The state of one study. `unfinished` are trials that were running when an earlier run ended; `retried` is how
    often this run repeated an evaluation that failed in a way that may pass.
    """

    def __init__(self, study: Study, store: Store, stored: StoredStudy) -> None:
        """Rebuild the state from the store."""
        self.study, self.store, self.stored = study, store, stored
        trials = fitted(store.trials(stored.id), study.space)
        self.history = History(study)
        self.branches = Branches(study)
        self.optimizer = Optimizer(study, told=len(trials))
        self.gate = Gate(study, self.optimizer.names)
        spent = {"trials": len(trials), "wall_time_s": stored.search_s, **store.spent_on_models(stored.id)}
        self.ledger = Ledger(limits_of(study), spent)
        for trial in trials:
            self._started(trial)
            if trial.state != "running":
                for step, loss in sorted(trial.steps.items()):
                    self.optimizer.reported(trial.number, step, loss)
                self._finished(trial)
        self.unfinished = [trial for trial in trials if trial.state == "running"]
        self._earlier = len(trials)
        self.retried = 0
        self.clock = Clock(stored.search_s)

    def begin_search(self) -> None:
        """Start the clock of the search."""
        self.clock = Clock(self.stored.search_s)

    def spent(self) -> str | None:
        """Return which limit keeps another trial from starting, None when none does."""
        self.ledger.spent["wall_time_s"] = self.clock.seconds
        if self.ledger.exhausted("trials"):
            return f"budget of {self.study.budget.trials} trials"
        if self.ledger.exhausted("wall_time_s"):
            return f"budget of {self.study.budget.wall_time_s:g} s"
        return None

    def begin(self, accepted: Accepted) -> Trial:
        """Record that a proposal is about to be evaluated."""
        proposal = accepted.proposal
        trial = Trial(
            number=len(self.history.trials),
            source=proposal.source,
            candidate=accepted.candidate,
            rationale=proposal.rationale,
            because=list(proposal.because),
            changes=[asdict(change) for change in accepted.changes],
            predicted=dict(proposal.predicted),
            gate=dict(proposal.gate),
            continues=proposal.continues,
            parent=proposal.parent,
            fidelity=self.study.fidelity.high if self.study.fidelity else None,
            started=time.time(),
        )
        self.store.start_trial(self.stored.id, trial)
        self._started(trial)
        self.ledger.spend("trials")
        return trial

    def _started(self, trial: Trial) -> None:
        self.history.add(trial)
        if is_outside(trial):
            return
        self.optimizer.started(trial.number, trial.configuration, trial.continues, advised=trial.source.is_advice)
        self.gate.started(trial)

    def _finished(self, trial: Trial) -> bool:
        if is_outside(trial):
            return False
        if trial.state == "lost":
            self.optimizer.dropped(trial.number)
            return False
        self.optimizer.finished(self.branches.levelled(trial, self.history.trials))
        improved = self.history.update(trial)
        self.gate.finished(trial, improved=improved)
        return improved

    def enough(self, trial: Trial, measurements: Sequence[Measurement]) -> bool:
        """Whether a trial needs no further evaluation: it failed, was stopped, or is told from the incumbent."""
        if any(each.state != "complete" for each in measurements):
            return True
        incumbent, evaluation = self.history.incumbent, self.study.evaluation
        if self.study.goals > 1:
            return len(measurements) >= evaluation.repeats
        losses = [self.study.losses(each.metrics)[0] for each in measurements]
        against = incumbent.values if incumbent is not None else []
        once = len(losses) == 1 and trial.candidate.patch is not None and incumbent is not None
        if once and incumbent is not None and losses[0] < self.history.losses(incumbent)[0]:
            return False  # no edit is gone on from on one measurement
        return enough(evaluation, losses, against, self.history.noise, is_default=trial.number == 0)

    def reported(self, trial: Trial, metrics: Mapping[str, float]) -> tuple[int, bool] | None:
        """Take in what a running evaluation reports; return (step, stop it), None when it is no intermediate value."""
        wanted = self.study.fidelity
        if wanted is None or wanted.step not in metrics:
            return None
        step = int(metrics[wanted.step])
        if step < 0 or step in trial.steps or any(each.metric not in metrics for each in self.study.objectives):
            return None
        loss = self.study.losses(metrics)[0]
        if not math.isfinite(loss):
            return None
        trial.steps[step] = loss
        return step, self.optimizer.reported(trial.number, step, loss)

    def measured(self, trial: Trial) -> list[Measurement]:
        """Return the evaluations of a trial that an earlier run finished."""
        if trial.number >= self._earlier:
            return []
        return [each.measurement for each in self.store.evaluations(self.stored.id, "tune", trial.number)]

    def add(self, evaluation: StoredEvaluation) -> None:
        """Record an evaluation that is not its trial's last."""
        self.store.add_evaluation(self.stored.id, evaluation)

    def finish(self, trial: Trial, measurements: Sequence[Measurement], last: StoredEvaluation) -> bool:
        """Turn measurements into the trial's result and record it; return whether it is the new incumbent."""
        failed = next((each for each in measurements if each.state == "failed"), None)
        stopped = next((each for each in measurements if each.state == "pruned"), None)
        trial.finished = time.time()
        trial.duration_s = sum(each.duration_s for each in measurements)
        if failed is not None:
            trial.state, trial.reason = "failed", failed.reason
        elif stopped is not None:
            trial.state, trial.metrics = "pruned", dict(stopped.metrics)
            trial.reason = stopped.reason or f"stopped at step {max(trial.steps, default=0)}: not among the best there"
        else:
            names = set.intersection(*(set(each.metrics) for each in measurements))
            trial.metrics = {name: median(each.metrics[name] for each in measurements) for name in sorted(names)}
            broken = {name: over for name, over in violations(self.study, trial.metrics).items() if over > 0}
            trial.state = "infeasible" if broken else "complete"
            if self.study.goals == 1:
                trial.values = [self.study.losses(each.metrics)[0] for each in measurements]
            trial.reason = "; ".join(f"{name} exceeds its bound by {over:.4g}" for name, over in broken.items()) or None
        self.store.finish_trial(self.stored.id, trial, self.clock.seconds, last)
        return self._finished(trial)

    def lose(self, trial: Trial, reason: str) -> None:
        """Record that no machine finished a trial; neither optimizer nor gate are told: it was not the configuration.

        What it measured before stays in the store.
        """
        trial.state, trial.reason, trial.finished = "lost", reason, time.time()
        self.store.finish_trial(self.stored.id, trial, self.clock.seconds)
        self._finished(trial)

    def grown(self) -> str:
        """Return what a change of the space did to the trials, in words; '' where it did nothing."""
        lost = [trial for trial in self.history.trials if is_outside(trial)]
        if not lost:
            return ""
        first = f"trial {lost[0].number}: {(lost[0].reason or '').removeprefix(OUTSIDE)}"
        kept = len(self.history.trials) - len(lost)
        return f"the space was changed: {kept} trials are kept, {len(lost)} no longer count ({first})"

    def result_before(self) -> StudyFinished | None:
        """Return the result that an earlier run stored, if it is about the trials that there are now."""
        result, done = self.stored.result, len(self.history.finished)
        if result is None or self.ledger.spent["trials"] != self._earlier or result.get("trials") != done:
            return None
        found = result_of(self.stored)
        return None if found is None else found.model_copy(update={"time": time.time()})

    def counts(self) -> dict[str, int]:
        """Return the number of trials by state and by source, and of trials that needed repair."""
        trials = self.history.trials
        found = Counter(f"state {trial.state}" for trial in trials) + Counter(
            f"source {t.source.label}" for t in trials
        )
        found += Counter(f"author {trial.source.author}" for trial in trials if trial.source.author)
        found += Counter({"retried": self.retried} if self.retried else {})
        return {**found, "repaired": sum(bool(trial.changes) for trial in trials)}
