"""A planner that knows nothing: uniform random proposals, to see what a model's knowledge is worth."""

import random

from ...agent.planners.base import Context, Setup
from ...agent.trials.proposal import Proposal
from ...agent.trials.source import Source


class RandomPlanner:
    """Proposes a random configuration whenever it is asked."""

    name, why, done = "random-proposals", "uniform random proposals, for comparison", False

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return `n` random configurations."""
        space = context.study.space
        return [Proposal(space.sample(self.rng), Source("planner", self.name)) for _ in range(n)]

    async def close(self) -> None:
        """Nothing to let go of."""


def build(setup: Setup) -> RandomPlanner:
    """Return the planner, seeded like the study's sampler."""
    return RandomPlanner(setup.study.sampler.seed + 1)
