"""The interface of a planner, and what it gets to see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..budget import Ledger
from ..history import History
from ..memory.recall import Recalled
from ..proposal import Proposal
from ..study import Study


@dataclass(frozen=True)
class Context:
    """What a planner may look at. It must not change any of it."""

    study: Study
    history: History
    ledger: Ledger
    recalled: Sequence[Recalled] = field(default_factory=tuple)


class Planner(Protocol):
    """Proposes configurations from knowledge: documentation, memory, a model.

    `why` says in a few words how it came to be the planner of this run; every report shows it.
    """

    name: str
    why: str

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return up to about `n` proposals, best first; an empty list hands over to the optimizer for good.

        Called while evaluations run, never twice at a time. Proposals need not be valid: they are repaired or
        refused before anything is evaluated.
        """
