"""An attempt to run an evaluation on a machine that may vanish."""

from dataclasses import dataclass
from typing import Literal

AttemptState = Literal["running", "counted", "lost", "late", "cancelled"]
"""'counted': its result is the evaluation's; 'late': its result came after it was given up, and is kept only."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at an evaluation of a study, numbered from 1. It is stored before it is submitted."""

    purpose: str
    trial: int
    position: int
    seed: int
    number: int = 1
    state: AttemptState = "running"
    host: str = ""
    submitted: float = 0.0

    @property
    def evaluation(self) -> tuple[str, int, int, int]:
        """The evaluation that it is an attempt at."""
        return self.purpose, self.trial, self.position, self.seed

    def named(self, study: str) -> str:
        """Return the name by which an engine knows it."""
        return "/".join(map(str, (study, *self.evaluation, self.number)))
