"""The trials of a study in memory, and which of them is best. Knows nothing of the store."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from .space import key
from .study import Study
from .trial import Trial


class History:
    """All trials of one study, in order, with the incumbent kept up to date."""

    def __init__(self, study: Study, trials: Iterable[Trial] = ()) -> None:
        self.study = study
        self.trials: list[Trial] = []
        self.seen: dict[str, int] = {}
        self.incumbent: Trial | None = None
        for trial in trials:
            self.add(trial)
            self.update(trial)

    def add(self, trial: Trial) -> None:
        """Take in a trial that was started."""
        self.trials.append(trial)
        self.seen.setdefault(key(trial.configuration), trial.number)

    def update(self, trial: Trial) -> bool:
        """Take in a trial's result; return whether it is the new incumbent."""
        before = self.incumbent
        if trial.state != "complete":
            return False
        if len(self.study.objectives) > 1:
            self.incumbent = best_compromise(self.front(), self.losses)
        elif before is None or self.losses(trial) < self.losses(before):
            self.incumbent = trial
        return self.incumbent is not before

    def snapshot(self) -> "History":
        """Return a copy that does not change while somebody thinks about it."""
        copied = History(self.study)
        copied.trials = [replace(trial) if trial.state == "running" else trial for trial in self.trials]
        copied.seen, copied.incumbent = dict(self.seen), self.incumbent
        return copied

    @property
    def default(self) -> Trial | None:
        """The trial of the default configuration, once it was started."""
        return self.trials[0] if self.trials and self.trials[0].source == "default" else None

    @property
    def finished(self) -> list[Trial]:
        """The trials that are no longer running."""
        return [trial for trial in self.trials if trial.state != "running"]

    def losses(self, trial: Trial) -> tuple[float, ...]:
        """Return a complete trial's objectives as numbers to minimise."""
        return tuple(each.loss(trial.metrics[each.metric]) for each in self.study.objectives)

    def front(self) -> list[Trial]:
        """Return the complete trials that no other dominates (the Pareto front)."""
        complete = [(self.losses(trial), trial) for trial in self.trials if trial.state == "complete"]
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
