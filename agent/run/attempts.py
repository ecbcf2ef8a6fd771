"""The attempts of a run, noted in the store."""

from dataclasses import dataclass

from ...tools.targets import Measurement
from ..memory.store import Store
from ..trials.attempt import Attempt, AttemptState


@dataclass(frozen=True)
class StoredAttempts:
    """The attempts at evaluations of a stored study, which this process owns."""

    store: Store
    study_id: int

    def begin(self, attempt: Attempt) -> None:
        """Store that an attempt is about to be submitted."""
        self.store.begin_attempt(self.study_id, attempt)

    def end(
        self, attempt: Attempt, state: AttemptState, host: str = "", measurement: Measurement | None = None
    ) -> None:
        """Store what became of one; 'counted' is stored with the evaluation itself."""
        self.store.end_attempt(self.study_id, attempt, state, host, measurement)

    def running(self) -> list[Attempt]:
        """Return those whose evaluations are not stored yet, and that were not given up."""
        return self.store.attempts(self.study_id, "running")

    def last(self, attempt: Attempt) -> int:
        """Return the number of the last attempt at the same evaluation."""
        return self.store.last_attempt(self.study_id, attempt.purpose, attempt.trial, attempt.position)
