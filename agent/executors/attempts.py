"""Where attempts are noted before they are submitted."""

from dataclasses import replace
from typing import Protocol

from ...tools.targets import Measurement
from ..trials.attempt import Attempt, AttemptState


class AttemptLog(Protocol):
    """The attempts at evaluations of one study. What is noted outlives this process where the study is stored."""

    def begin(self, attempt: Attempt) -> None:
        """Note that an attempt is about to be submitted."""

    def end(
        self, attempt: Attempt, state: AttemptState, host: str = "", measurement: Measurement | None = None
    ) -> None:
        """Note what became of one that is not counted, with its result where it had one."""

    def running(self) -> list[Attempt]:
        """Return those of which it is not known what became of them."""

    def last(self, attempt: Attempt) -> int:
        """Return the number of the last attempt at the same evaluation, 0 where there is none."""


class Unstored:
    """Attempts beside any run: they are known as long as this process lives, and nothing counts them."""

    def __init__(self) -> None:
        self.noted: dict[tuple[tuple[str, int, int, int], int], Attempt] = {}

    def begin(self, attempt: Attempt) -> None:
        """Note it."""
        self.noted[attempt.evaluation, attempt.number] = attempt

    def end(
        self, attempt: Attempt, state: AttemptState, host: str = "", measurement: Measurement | None = None
    ) -> None:
        """Note what became of it."""
        del measurement
        self.noted[attempt.evaluation, attempt.number] = replace(attempt, state=state, host=host)

    def running(self) -> list[Attempt]:
        """Return those that run."""
        return [each for each in self.noted.values() if each.state == "running"]

    def last(self, attempt: Attempt) -> int:
        """Return the number of the last one."""
        return max((number for evaluation, number in self.noted if evaluation == attempt.evaluation), default=0)
