"""The trials of a study in memory, and which of them is best. Knows nothing of the store."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...tools.errors import TrimtabError
from ..study.sections import Study
from .racing import Noise, beats
from .trial import Trial

if TYPE_CHECKING:
    from .front import Front


class History:
    """All trials of one study, in order, with the incumbent kept up to date."""

    def __init__(self, study: Study, trials: Iterable[Trial] = ()) -> None:
        self.study = study
        self.trials: list[Trial] = []
        self.seen: dict[str, int] = {}
        self.incumbent: Trial | None = None
        self.noise = Noise()
        self._front = _empty_front(study)
        for trial in trials:
            self.add(trial)
            self.update(trial)

    def add(self, trial: Trial) -> None:
        """Take in a trial that was started."""
        self.trials.append(trial)
        self.seen.setdefault(trial.candidate.key, trial.number)

    def update(self, trial: Trial) -> bool:
        """Take in a trial's result; return whether it is the new incumbent.

        Raises:
            TrimtabError: it is complete without the metrics of the study.
        """
        before = self.incumbent
        if not self._counts(trial):
            return False
        self._check(trial)
        self.noise.add(trial.values)
        if self._front is not None:
            cost = self.study.cost
            self._front.add(trial, self.losses(trial) + ((trial.metrics[cost.metric],) if cost else ()))
        if self._front is not None and self.study.goals > 1:
            self.incumbent = self._front.compromise()
        elif before is None or self._better(trial, before):
            self.incumbent = trial
        return self.incumbent is not before

    def _check(self, trial: Trial) -> None:
        missing = [name for name in self.study.required_metrics if name not in trial.metrics]
        if missing:
            raise TrimtabError(f"trial {trial.number} is complete, but has no metric {missing[0]!r}: it was damaged")

    def _better(self, trial: Trial, incumbent: Trial) -> bool:
        """Whether a trial takes the incumbent's place: by evidence where trials race, else by its median."""
        reached, before = trial.fidelity or 0, incumbent.fidelity or 0
        if reached != before:
            return reached > before  # a longer evaluation is what counts
        if self.study.evaluation.max_repeats and trial.values and incumbent.values:
            return beats(trial.values, incumbent.values, self.noise)
        return self.losses(trial) < self.losses(incumbent)

    def snapshot(self) -> "History":
        """Return a copy that does not change while somebody thinks about it."""
        copied = History(self.study)
        copied.trials = [replace(trial) if trial.state == "running" else trial for trial in self.trials]
        copied.seen, copied.incumbent, copied.noise = dict(self.seen), self.incumbent, replace(self.noise)
        copied._front = self._front.snapshot() if self._front is not None else None
        return copied

    @property
    def default(self) -> Trial | None:
        """The trial of the default configuration, once it was started."""
        return self.trials[0] if self.trials and self.trials[0].source.kind == "default" else None

    @property
    def finished(self) -> list[Trial]:
        """The trials that are no longer running."""
        return [trial for trial in self.trials if trial.state != "running"]

    def losses(self, trial: Trial) -> tuple[float, ...]:
        """Return a complete trial's result as numbers to minimise."""
        return self.study.losses(trial.metrics)

    def front(self) -> list[Trial]:
        """Return the complete trials that no other dominates (the Pareto front), in loss and, where known, cost.

        What is forbidden today is not among them.
        """
        if self._front is not None:
            return self._front.trials()
        allowed = [each for each in self.trials if self._counts(each)]
        least = min(map(self.losses, allowed), default=())
        return [each for each in allowed if self.losses(each) == least]

    def _counts(self, trial: Trial) -> bool:
        """Whether a trial may be the incumbent: it is complete, and not forbidden today."""
        return trial.state == "complete" and self.study.space.violated(trial.configuration) is None


def _empty_front(study: Study) -> "Front | None":
    """Return a front for a study that weighs several things against each other, else None."""
    if study.goals == 1 and study.cost is None:
        return None
    from .front import Front  # loads NumPy, which most studies can be shown without

    return Front(study.goals)


def violations(study: Study, metrics: dict[str, float]) -> dict[str, float]:
    """Return by how much each constraint is violated; 0 or less when it holds."""
    return {each.metric: each.violation(metrics[each.metric]) for each in study.constraints}
