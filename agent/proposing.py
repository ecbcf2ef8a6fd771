"""Who proposes the next configuration: the default, then the planner's ideas, then the optimizer.

The planner thinks in a task of its own; when it has nothing ready, the optimizer fills the slot.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from .events import NoticeKind
from .optimizer import Optimizer
from .planners.base import Context, Planner
from .proposal import Accepted, Proposal, Refused, review


class Proposing:
    """Chooses proposals for one study. `notify` is called with (kind, line) for what the user should know."""

    def __init__(
        self,
        context: Context,
        optimizer: Optimizer,
        planner: Planner,
        notify: Callable[[NoticeKind, str], None],
    ) -> None:
        self.context, self.optimizer, self.planner = context, optimizer, planner
        self.refused = 0
        self._notify = notify
        self._ready: deque[Proposal] = deque()
        self._thinking: asyncio.Task[None] | None = None
        self._handed_over = False

    def think(self) -> None:
        """Start the planner on its next proposals, unless it is at work, has some ready, or has handed over."""
        if self._wanted() and (self._thinking is None or self._thinking.done()):
            self._thinking = asyncio.create_task(self._think())

    def think_now(self) -> None:
        """Let the planner think to its end, for callers without an event loop."""
        if self._wanted():
            asyncio.run(self._think())

    def _wanted(self) -> bool:
        return not self._handed_over and not self._ready

    async def _think(self) -> None:
        try:
            proposals = await self.planner.propose(self.context, self.context.study.evaluation.workers)
        except Exception as error:  # noqa: BLE001  # a planner may be anybody's; it must not end a study
            self._notify("planner", f"planner {self.planner.name} failed and is out of this run: {error!r}")
            self._handed_over = True
            return
        self._ready.extend(proposals)
        self._handed_over = not proposals

    def next(self) -> Accepted:
        """Return what to evaluate next.

        Raises:
            SpaceExhaustedError: every configuration was tried.
        """
        space, history = self.context.study.space, self.context.history
        if history.default is None:
            proposal = Proposal(space.default, "default", "the configuration in use today")
            return Accepted(space.default, proposal, ())
        while self._ready:
            reviewed = review(self._ready.popleft(), space, history.seen)
            if isinstance(reviewed, Accepted):
                return reviewed
            self._refuse(reviewed)
        configuration = self.optimizer.propose(history.seen)
        return Accepted(configuration, Proposal(configuration, self.optimizer.name), ())

    def _refuse(self, refused: Refused) -> None:
        self.refused += 1
        about = f" ({refused.proposal.rationale})" if refused.proposal.rationale else ""
        self._notify("proposal", f"refused: {refused.reason}{about}")

    async def close(self) -> None:
        """Stop thinking."""
        if self._thinking is not None:
            self._thinking.cancel()
            await asyncio.gather(self._thinking, return_exceptions=True)
