"""Keeps the store, the history, the optimizer and the ledger of one study in step.

The store is written first; everything else is rebuilt from it when a study is resumed.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

from ..tools.targets import Measurement
from .budget import MODEL_RESOURCES, Ledger, Resource
from .history import History, violations
from .memory.rows import StoredEvaluation, StoredStudy
from .memory.store import Store
from .optimizer import Optimizer
from .proposal import Accepted
from .study import Study
from .trial import Trial


class Record:
    """The state of one study. `unfinished` are trials that were running when an earlier run ended."""

    def __init__(self, study: Study, store: Store, stored: StoredStudy) -> None:
        """Rebuild the state from the store."""
        self.study, self.store, self.stored = study, store, stored
        trials = store.trials(stored.id)
        self.history = History(study, trials)
        self.optimizer = Optimizer(study, told=len(trials))
        limits: dict[Resource, float] = {"trials": study.budget.trials}
        for resource in ("wall_time_s", *MODEL_RESOURCES):
            limit = getattr(study.budget, resource)
            if limit is not None:
                limits[resource] = limit
        spent = {"trials": len(trials), "wall_time_s": stored.search_s, **store.spent_on_models(stored.id)}
        self.ledger = Ledger(limits, spent)
        for trial in trials:
            self.optimizer.started(trial.number, trial.configuration)
            if trial.state != "running":
                self.optimizer.finished(trial)
        self.unfinished = [trial for trial in trials if trial.state == "running"]
        self._search_began = time.monotonic()

    def begin_search(self) -> None:
        """Start the clock of the search."""
        self._search_began = time.monotonic()

    def spent(self) -> str | None:
        """Return which limit keeps another trial from starting, None when none does."""
        self.ledger.spent["wall_time_s"] = self._search_s()
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
            configuration=accepted.configuration,
            rationale=proposal.rationale,
            author=proposal.author,
            changes=[asdict(change) for change in accepted.changes],
            predicted=dict(proposal.predicted),
            started=time.time(),
        )
        self.store.start_trial(self.stored.id, trial)
        self.history.add(trial)
        self.ledger.spend("trials")
        self.optimizer.started(trial.number, trial.configuration)
        return trial

    def measured(self, trial: Trial) -> list[Measurement]:
        """Return the evaluations of a trial that an earlier run finished."""
        return [each.measurement for each in self.store.evaluations(self.stored.id, "tune", trial.number)]

    def add(self, evaluation: StoredEvaluation) -> None:
        """Record an evaluation that is not its trial's last."""
        self.store.add_evaluation(self.stored.id, evaluation)

    def finish(self, trial: Trial, measurements: Sequence[Measurement], last: StoredEvaluation) -> bool:
        """Turn measurements into the trial's result and record it; return whether it is the new incumbent."""
        failed = next((each for each in measurements if each.state == "failed"), None)
        trial.finished = time.time()
        trial.duration_s = sum(each.duration_s for each in measurements)
        if failed is not None:
            trial.state, trial.reason = "failed", failed.reason
        else:
            names = set.intersection(*(set(each.metrics) for each in measurements))
            trial.metrics = {name: median(each.metrics[name] for each in measurements) for name in sorted(names)}
            broken = {name: over for name, over in violations(self.study, trial.metrics).items() if over > 0}
            trial.state = "infeasible" if broken else "complete"
            trial.reason = "; ".join(f"{name} exceeds its bound by {over:.4g}" for name, over in broken.items()) or None
        self.store.finish_trial(self.stored.id, trial, self._search_s(), last)
        self.optimizer.finished(trial)
        return self.history.update(trial)

    def counts(self) -> dict[str, int]:
        """Return the number of trials by state and by source, and of trials that needed repair."""
        trials = self.history.trials
        found = Counter(f"state {trial.state}" for trial in trials) + Counter(f"source {t.source}" for t in trials)
        found += Counter(f"author {trial.author}" for trial in trials if trial.author)
        return {**found, "repaired": sum(bool(trial.changes) for trial in trials)}

    def _search_s(self) -> float:
        return self.stored.search_s + time.monotonic() - self._search_began
