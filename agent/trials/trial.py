"""A trial: one candidate on its way to a result."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..study.space import Configuration
from .candidate import Candidate
from .source import Source

State = Literal["running", "complete", "failed", "infeasible", "pruned", "lost"]


@dataclass
class Trial:
    """One candidate and what became of it.

    `source` is who proposed it; `gate` says why it was their turn. `metrics` are medians over the repeats; a failed
    trial has none and says why in `reason`; a lost one has none because its machines were lost, so that it says
    nothing of its configuration. `changes` lists what repair did to the proposal. `values` are the losses
    of its single evaluations, `steps` the losses it reported on the way, `fidelity` the last step it was allowed.
    `parent` is the trial whose edit of the program this one's goes on from. `because` names what of memory it rests on.
    Times are seconds since the epoch; `duration_s` is the time its evaluations took.
    """

    number: int
    source: Source
    candidate: Candidate
    state: State = "running"
    metrics: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    rationale: str = ""
    because: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    predicted: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    fidelity: int | None = None
    continues: int | None = None
    parent: int | None = None
    values: list[float] = field(default_factory=list)
    steps: dict[int, float] = field(default_factory=dict)
    started: float = 0.0
    finished: float | None = None
    duration_s: float = 0.0

    @property
    def configuration(self) -> Configuration:
        """The candidate's configuration."""
        return self.candidate.configuration
