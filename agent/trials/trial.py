"""A trial: one configuration on its way to a result."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..study.space import Configuration

State = Literal["running", "complete", "failed", "infeasible", "pruned"]


@dataclass
class Trial:
    """One configuration and what became of it.

    `source` is 'default', 'planner' or the name of a sampler; `author` is the planner's model, or 'offline'.
    `gate` says why it was this one's turn. `metrics` are medians over the repeats; a failed trial has none and says
    why in `reason`. `changes` lists what repair did to the proposal. `values` are the losses of its single
    evaluations, `steps` the losses it reported on the way, `fidelity` the last step it was allowed. Times are seconds
    since the epoch; `duration_s` is the time its evaluations took.
    """

    number: int
    source: str
    configuration: Configuration
    state: State = "running"
    metrics: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    rationale: str = ""
    author: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)
    predicted: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    fidelity: int | None = None
    continues: int | None = None
    values: list[float] = field(default_factory=list)
    steps: dict[int, float] = field(default_factory=dict)
    started: float = 0.0
    finished: float | None = None
    duration_s: float = 0.0
