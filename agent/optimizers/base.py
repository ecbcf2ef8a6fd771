"""What a sampler is built from."""

from dataclasses import dataclass

from ..study.space import Space

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
