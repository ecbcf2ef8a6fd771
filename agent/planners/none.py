"""No planner: the optimizer proposes everything after the default."""

from ..trials.proposal import Proposal
from .base import Context, Setup


class NoPlanner:
    """Has nothing to propose."""

    name = "none"
    why = "the study asks for no planner"
    done = True

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return nothing."""
        del context, n
        return []

    async def close(self) -> None:
        """Nothing to let go of."""


def build(_setup: Setup) -> NoPlanner:
    """Return the planner that proposes nothing."""
    return NoPlanner()
