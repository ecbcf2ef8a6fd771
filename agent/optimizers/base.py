"""What a sampler is built from."""

from dataclasses import dataclass

from ..space import Space


@dataclass(frozen=True)
class Setting:
    """The facts of a study that a sampler may use: its space, budget in trials, workers, objectives, and a seed."""

    space: Space
    trials: int
    workers: int = 1
    objectives: int = 1
    seed: int = 0
