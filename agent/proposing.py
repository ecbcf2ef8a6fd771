"""Who proposes the next configuration: the default, then the planner's ideas, then the optimizer.

The planner thinks in a task of its own; when it has nothing ready, the optimizer fills the slot.
"""

import asyncio
from collections import deque
from typing import Protocol

from . import events
from .models.cassette import CassetteMismatchError
from .optimizer import Optimizer, SpaceExhaustedError
from .optimizer_state import OptimizerState, describe
from .planners.base import Context, Planner
from .proposal import Accepted, Proposal, Refused, review

FIRST_IDEAS = 3
"""How many ideas of a model are tried at the start, before its share of the trials limits it."""

PATIENCE_S = 30.0
"""How long the last trial of a run waits for a model that has not spoken yet; no other trial ever waits."""


class _Tape(Protocol):
    """What a recording needs to know of proposing, and tells it in a replay."""

    def arrived(self, thought: int, trial: int) -> None: ...
    def arrival(self, thought: int) -> int | None: ...


class Proposing:
    """Chooses proposals for one study."""

    def __init__(self, context: Context, optimizer: Optimizer, planner: Planner) -> None:
        self.context, self.optimizer, self.planner = context, optimizer, planner
        self._ready: deque[Proposal] = deque()
        self._thinking: asyncio.Task[list[Proposal]] | None = None
        self._thoughts = 0
        self._hurried = asyncio.Event()

    def think(self) -> None:
        """Start the planner on its next ideas, unless it is at work, has some ready, or has had its share."""
        if self._wanted() and self._thinking is None:
            thought = self._think(self.context.now(self._state()))
            self._thinking = asyncio.create_task(thought)

    def think_now(self) -> None:
        """Let the planner think to its end, for callers without an event loop."""
        if self._wanted():
            self._ready.extend(asyncio.run(self._think(self.context.now(self._state()))))

    async def settle(self) -> None:
        """Take in ideas that are there; in a replay, exactly when the recorded run had them.

        Raises:
            CassetteMismatchError: a strict replay met a request that was not recorded.
        """
        if self._thinking is None:
            return
        trial, tape = len(self.context.history.trials), self._tape()
        arrival = tape.arrival(self._thoughts) if tape is not None else None
        if arrival is None:
            if self._kept_for_model(trial):
                hurried = asyncio.create_task(self._hurried.wait())
                first = asyncio.FIRST_COMPLETED
                await asyncio.wait({self._thinking, hurried}, timeout=PATIENCE_S, return_when=first)
                hurried.cancel()
            if not self._thinking.done():
                return
        elif arrival > trial:
            return
        self._ready.extend(await self._thinking)
        if tape is not None:
            tape.arrived(self._thoughts, trial)
        self._thinking = None
        self._thoughts += 1

    def hurry(self) -> None:
        """Wait for the planner no more: the run is being stopped."""
        self._hurried.set()

    def next(self) -> Accepted:
        """Return what to evaluate next.

        Raises:
            SpaceExhaustedError: every configuration was tried.
        """
        space, history = self.context.study.space, self.context.history
        if history.default is None:
            proposal = Proposal(space.default, "default", "the configuration in use today")
            return Accepted(space.default, proposal, ())
        while self._ready and self._has_turn():
            reviewed = review(self._ready.popleft(), space, history.seen)
            if isinstance(reviewed, Accepted):
                return reviewed
            self._refuse(reviewed)
        configuration = self.optimizer.propose(history.seen)
        return Accepted(configuration, Proposal(configuration, self.optimizer.name), ())

    async def close(self) -> None:
        """Stop thinking."""
        if self._thinking is not None:
            self._thinking.cancel()
            await asyncio.gather(self._thinking, return_exceptions=True)
            self._thinking = None

    def _kept_for_model(self, trial: int) -> bool:
        """Whether this is the last trial of the budget and the model, at work, has had none yet: a short run."""
        spoken = any(each.source == "planner" and each.author != "offline" for each in self.context.history.trials)
        return trial == self.context.study.budget.trials - 1 and not spoken and not self._ready and self._has_share()

    def _wanted(self) -> bool:
        """Whether the planner should think: it has no ideas of its own waiting, and would get its turn."""
        ideas = any(proposal.author != "offline" for proposal in self._ready)
        return not self.planner.done and not ideas and self._has_share()

    def _has_turn(self) -> bool:
        """Whether the planner may propose the next trial: catalogue and memory always, a model within its share.

        A model gets a few trials at the start, then its share of all.
        """
        return bool(self._ready and self._ready[0].author == "offline") or self._has_share()

    def _has_share(self) -> bool:
        trials = self.context.history.trials
        ideas = sum(trial.source == "planner" and trial.author != "offline" for trial in trials)
        share = self.context.study.planner.share
        return share > 0 and ideas + 1 <= max(FIRST_IDEAS, share * (len(trials) + 1))

    def _state(self) -> OptimizerState | None:
        """Return the optimizer's state; what it suggests here is what it proposes next."""
        history = self.context.history
        try:
            suggestion = self.optimizer.peek(history.seen)
        except SpaceExhaustedError:
            return None
        return describe(self.optimizer.name, suggestion, history)

    async def _think(self, context: Context) -> list[Proposal]:
        try:
            return await self.planner.propose(context, context.study.evaluation.workers)
        except CassetteMismatchError:
            raise
        except Exception as error:  # noqa: BLE001  # a planner may be anybody's; it must not end a study
            self._problem("crashed", f"planner {self.planner.name}: {type(error).__name__}: {error}")
            return []

    def _tape(self) -> _Tape | None:
        tape: _Tape | None = getattr(self.planner, "cassette", None)
        return tape

    def _refuse(self, refused: Refused) -> None:
        about = f" ({refused.proposal.rationale})" if refused.proposal.rationale else ""
        self._problem(refused.code, f"{refused.reason}{about}")

    def _problem(self, code: events.ProblemCode, message: str) -> None:
        self.context.emit(events.PlannerProblem(study=self.context.key, code=code, message=message))
