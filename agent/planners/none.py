"""No planner: the optimizer proposes everything after the default."""

from ..proposal import Proposal
from .base import Context


class NoPlanner:
    """Hands over at once."""

    name = "none"
    why = "the study asks for no planner"

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return nothing."""
        del context, n
        return []
