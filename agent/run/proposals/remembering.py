"""Memory's turn: what similar studies speak for, and what was learned; a few trials, and more only where they help.

The default comes first for everybody. Memory gets `FIRST` trials; it goes on to `MOST` where one of its own has beaten
the default and most results so far.
"""

from statistics import median

from ...memory.lessons import Lesson
from ...memory.recollection import Recollection
from ...memory.transfer import Transfer
from ...study.sections import Study
from ...study.space import Configuration, key
from ...trials.history import History
from ...trials.proposal import Proposal
from ...trials.source import STORED

FIRST, MOST = 3, 6
_SURE = 0.3
"""From which confidence on a lesson's value is tried."""


class Remembering:
    """Proposes from memory, one configuration at a time."""

    def __init__(self, study: Study, memory: Recollection) -> None:
        self.study, self.memory = study, memory
        self._transfer: Transfer | None = None
        self._silent = False

    def next(self, history: History) -> Proposal | None:
        """Return what memory would try next; None where it has had its trials, or knows of nothing more."""
        if self._silent or history.default is None or not (self.memory.past or self.memory.lessons):
            return None
        tried = sum(bool(trial.because) for trial in history.trials)
        if tried >= FIRST and (tried >= MOST or not _helps(history)):
            return None
        learned = self._learned(history) if tried else None
        proposal = learned or self._past(history) or self._learned(history)
        self._silent = proposal is None
        return proposal

    def _learned(self, history: History) -> Proposal | None:
        """Return the default with the values of all lessons that are sure enough, where nobody has tried that."""
        sure: dict[str, Lesson] = {}
        for each in self.memory.lessons:
            if each.better is not None and each.confidence >= _SURE:
                sure.setdefault(each.parameter, each)
        space = self.study.space
        configuration = space.repair(
            {**space.default, **{name: each.better for name, each in sure.items()}}
        ).configuration
        if key(configuration) in history.seen:
            return None
        numbers = [each.number for each in sure.values()]
        rationale = f"the default with what was learned: lesson {', '.join(map(str, numbers))}"
        return _proposal(configuration, rationale, tuple(f"lesson {number}" for number in numbers))

    def _past(self, history: History) -> Proposal | None:
        """Return the configuration of which similar studies expect most."""
        if self._transfer is None:
            self._transfer = Transfer(self.study, self.memory.past)
        results = [
            (trial.configuration, history.losses(trial)[0]) for trial in history.trials if trial.state == "complete"
        ]
        found = self._transfer.next([trial.configuration for trial in history.trials], results)
        if found is None or key(found.configuration) in history.seen:
            return None
        more = len(found.studies) - _NAMED
        named = ", ".join(found.studies[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        because = tuple(f"study {each}" for each in found.studies)
        return _proposal(found.configuration, f"similar studies expect most of it: {named}", because)


_NAMED = 3


def _proposal(configuration: Configuration, rationale: str, because: tuple[str, ...]) -> Proposal:
    return Proposal(configuration, STORED, rationale, because=because)


def _helps(history: History) -> bool:
    """Whether a trial of memory has beaten the default and the median result."""
    complete = [trial for trial in history.trials if trial.state == "complete"]
    losses = {trial.number: history.losses(trial) for trial in complete}
    default = history.default
    if default is None or not losses:
        return False
    first = [loss[0] for loss in losses.values()]
    return any(
        losses[trial.number] < losses.get(default.number, (float("inf"),)) and losses[trial.number][0] < median(first)
        for trial in complete
        if trial.because
    )
