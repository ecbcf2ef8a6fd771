"""What a sampler is built from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..study.space import Configuration, Space

if TYPE_CHECKING:  # slow to import
    from optuna import Study

COST, FAILED, ADVISED = "trimtab:cost", "trimtab:failed", "trimtab:advised"


@dataclass(frozen=True)
class Setting:
    """The facts of a study that a sampler may use: its space, budget in trials, workers, objectives, and a seed.

    `pruned` is whether evaluations may be stopped early. A trial's cost, where the study has one, is its user attribute
    `COST`; a failed trial, told as the worst result so far, has the user attribute `FAILED`; one that a planner or a
    person proposed has `ADVISED`.
    """

    space: Space
    trials: int
    workers: int = 1
    objectives: int = 1
    seed: int = 0
    pruned: bool = False


@runtime_checkable
class Forecasting(Protocol):
    """A sampler that can say what it expects of configurations."""

    def forecast(
        self, study: "Study", configurations: Sequence[Configuration]
    ) -> list[tuple[float, float, float]] | None:
        """Return (expected, low, high) of the loss of each, None while it has too little to go by."""

    def candidates(self, study: "Study", count: int) -> list[Configuration]:
        """Return what the sampler would try by all it knows, best first; it proposes the same as if nobody had asked.

        Empty while it has too little to go by.
        """
