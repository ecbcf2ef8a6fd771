"""The trials of a study in memory, and which of them is best. Knows nothing of the store."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..study.sections import Study
from .racing import Noise, beats
from .trial import Trial


class History:
    """All trials of one study, in order, with the incumbent kept up to date."""

    def __init__(self, study: Study, trials: Iterable[Trial] = ()) -> None:
        self.study = study
        self.trials: list[Trial] = []
        self.seen: dict[str, int] = {}
        self.incumbent: Trial | None = None
        self.noise = Noise()
        for trial in trials:
            self.add(trial)
            self.update(trial)

    def add(self, trial: Trial) -> None:
        """Take in a trial that was started."""
        self.trials.append(trial)
        self.seen.setdefault(trial.candidate.key, trial.number)

    def update(self, trial: Trial) -> bool:
        """Take in a trial's result; return whether it is the new incumbent."""
        before = self.incumbent
        if trial.state != "complete" or self.study.space.violated(trial.configuration) is not None:
            return False
        self.noise.add(trial.values)
        if self.study.goals > 1:
            self.incumbent = best_compromise(self.front(), self.losses)
        elif before is None or self._better(trial, before):
            self.incumbent = trial
        return self.incumbent is not before

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
        """Return the complete trials that no other dominates (the Pareto front), in loss and, where known, cost."""
        cost = self.study.cost
        complete = [
            (self.losses(trial) + ((trial.metrics[cost.metric],) if cost else ()), trial)
            for trial in self.trials
            if trial.state == "complete"
        ]
        complete.sort(key=lambda pair: pair[0])
        found: list[tuple[tuple[float, ...], Trial]] = []
        for losses, trial in complete:
            if not any(_dominates(other, losses) for other, _ in found):
                found.append((losses, trial))
        return [trial for _, trial in found]


def violations(study: Study, metrics: dict[str, float]) -> dict[str, float]:
    """Return by how much each constraint is violated; 0 or less when it holds."""
    return {each.metric: each.violation(metrics[each.metric]) for each in study.constraints}


def best_compromise(front: Sequence[Trial], losses: Callable[[Trial], tuple[float, ...]]) -> Trial | None:
    """Return the member of a Pareto front with the lowest mean rank over the objectives, the earliest on a tie."""
    if not front:
        return None
    table = [losses(trial) for trial in front]
    columns = [sorted(column) for column in zip(*table, strict=True)]
    ranks = [sum(c.index(value) for c, value in zip(columns, row, strict=True)) for row in table]
    return min(zip(ranks, front, strict=True), key=lambda pair: (pair[0], pair[1].number))[1]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other
