"""Where the next configuration comes from: the default first, then whoever the gate gives the turn.

The planner thinks in a task of its own; when it has nothing ready, the optimizer fills the slot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from .. import events
from ..models.cassette import CassetteMismatchError
from ..optimizers.mirror import Optimizer, SpaceExhaustedError
from ..optimizers.state import OptimizerState, describe
from ..planners.base import Context, Planner
from ..study.space import Configuration
from ..study.words import words
from ..trials.candidate import Candidate
from ..trials.proposal import Accepted, Proposal, Refused, review
from ..trials.source import DEFAULT, Source
from .gate import PLANNER, STORED, Decision, Gate

PATIENCE_S = 30.0
"""How long the last trial of a run waits for a model that has not spoken yet. No other trial waits unless the study
gives its planner patience."""


Approve = Callable[[Accepted], Awaitable[Configuration | str | None]]
"""Asks a person about an idea: returns the configuration to evaluate, edited perhaps, or why it is refused; None when
nobody is asked, and the gate decides."""


class _Tape(Protocol):
    """What a recording needs to know of proposing, and tells it in a replay."""

    def arrived(self, thought: int, trial: int) -> None: ...
    def arrival(self, thought: int) -> int | None: ...


class Proposing:
    """Chooses proposals for one study."""

    def __init__(self, context: Context, optimizer: Optimizer, gate: Gate, planner: Planner) -> None:
        self.context, self.optimizer, self.gate, self.planner = context, optimizer, gate, planner
        self._continuations = deque(optimizer.continuations())
        self.approve: Approve | None = None
        self.on_question: Callable[[bool], None] = lambda _waits: None  # told when a person's answer is waited for
        self._ready: deque[Proposal] = deque()
        self._asked: deque[Accepted] = deque()
        self._approvals: set[asyncio.Task[None]] = set()
        self._thinking: asyncio.Task[list[Proposal]] | None = None
        self._thoughts = 0
        self._hurried = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether something that a person decided on waits to be the next trial."""
        return bool(self._asked)

    def think(self) -> None:
        """Start the planner on its next ideas, unless it is at work, has some ready, or has had its share."""
        if self._wanted() and self._thinking is None:
            thought = self._think(self.context.now(self._state()))
            self._thinking = asyncio.create_task(thought)

    async def think_now(self) -> None:
        """Let the planner think to its end, for callers that ask for one trial at a time."""
        if self._wanted():
            self._ready.extend(await self._think(self.context.now(self._state())))

    def want(self, decided: Accepted) -> None:
        """Let what a person decided on be the next trial, unless it is so already."""
        if decided.candidate.key not in {each.candidate.key for each in self._asked}:
            self._asked.append(decided)

    async def settle(self) -> None:
        """Take in ideas that are there; in a replay, exactly when the recorded run had them.

        Where a person approves ideas, the last trials of the budget are kept for those that wait for an answer.

        Raises:
            CassetteMismatchError: a strict replay met a request that was not recorded.
        """
        await self._settle_thought()
        while self._approvals and not self._hurried.is_set():
            left = self.context.ledger.left("trials")
            if not left or left > len(self._approvals) or self._ready or self._asked:
                return
            hurried = asyncio.create_task(self._hurried.wait())
            self.on_question(True)
            try:
                await asyncio.wait({*self._approvals, hurried}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.on_question(False)
                hurried.cancel()

    async def _settle_thought(self) -> None:
        if self._thinking is None:
            return
        trial, tape = len(self.context.history.trials), self._tape()
        arrival = tape.arrival(self._thoughts) if tape is not None else None
        if arrival is None:
            patience = PATIENCE_S if self._kept_for_model(trial) else 0.0
            patience = max(patience, self.context.study.planner.patience_s)
            if patience and not self._thinking.done():
                hurried = asyncio.create_task(self._hurried.wait())
                first = asyncio.FIRST_COMPLETED
                await asyncio.wait({self._thinking, hurried}, timeout=patience, return_when=first)
                hurried.cancel()
            if not self._thinking.done():
                return
        elif arrival > trial:
            return
        self._take(await self._thinking)
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
            proposal = Proposal(space.default, DEFAULT, "the configuration in use today")
            return Accepted(Candidate(space.default), proposal)
        while self._asked:
            asked = self._asked.popleft()
            if asked.candidate.key not in history.seen:
                return asked
        if self._continuations:
            number, configuration = self._continuations.popleft()
            trial = history.trials[number]
            rationale = f"trial {number} run on: the last step was raised"
            proposal = Proposal(configuration, trial.source, rationale, continues=number)
            return Accepted(Candidate(configuration), proposal)
        decision = self.gate.choose(self._ready_arms(), thinking=not self.planner.done)
        while decision.arm in {PLANNER, STORED}:
            idea = next(each for each in self._ready if each.source.arm == decision.arm)
            self._ready.remove(idea)
            reviewed = review(idea, space, history.seen)
            if isinstance(reviewed, Accepted):
                return replace(reviewed, proposal=_decided(reviewed.proposal, decision))
            self._refuse(reviewed)
            decision = self.gate.choose(self._ready_arms(), thinking=not self.planner.done)
        configuration = self.optimizer.propose(history.seen, decision.arm)
        proposal = Proposal(configuration, Source("sampler", decision.arm))
        return Accepted(Candidate(configuration), _decided(proposal, decision))

    async def close(self) -> None:
        """Stop thinking, and wait for no approval."""
        for approval in self._approvals:
            approval.cancel()
        await asyncio.gather(*self._approvals, return_exceptions=True)
        if self._thinking is not None:
            self._thinking.cancel()
            await asyncio.gather(self._thinking, return_exceptions=True)
            self._thinking = None

    def _kept_for_model(self, trial: int) -> bool:
        """Whether this is the last trial of the budget and the model, at work, has had none yet: a short run."""
        spoken = any(each.source.kind == "planner" for each in self.context.history.trials)
        last = trial == self.context.study.budget.trials - 1
        return last and not spoken and not self._ready and self.gate.wants(PLANNER)

    def _wanted(self) -> bool:
        """Whether the planner should think: it has no ideas of its own waiting, and one would get its turn."""
        idle = PLANNER not in self._ready_arms() and not self._approvals and self.context.ledger.left("trials") != 0
        return idle and not self.planner.done and self.gate.wants(PLANNER)

    def _take(self, proposals: Sequence[Proposal]) -> None:
        """Take in ideas; where a person approves them, each waits for its answer."""
        if self.approve is None:
            self._ready.extend(proposals)
            return
        for proposal in proposals:
            task = asyncio.create_task(self._approved(proposal, self.approve))
            self._approvals.add(task)
            task.add_done_callback(self._approvals.discard)

    async def _approved(self, proposal: Proposal, approve: Approve) -> None:
        reviewed = review(proposal, self.context.study.space, self.context.history.seen)
        if isinstance(reviewed, Refused):
            self._refuse(reviewed)
            return
        answer = await approve(reviewed)
        if isinstance(answer, str):
            self._problem("refused", f"a person refused {words(reviewed.configuration)}: {answer}")
            notes = self.context.notes
            if isinstance(notes, list):
                notes.append(f"refused {words(reviewed.configuration)}: {answer}")
        elif answer is None:
            self._ready.append(proposal)
        else:  # what a person approved is evaluated, whatever the gate thinks of its author
            if answer != reviewed.configuration:  # the prediction was made for something else
                proposal = replace(proposal, predicted={})
            self.want(Accepted(Candidate(answer, proposal.patch), proposal, reviewed.changes))

    def _ready_arms(self) -> list[str]:
        """Return which of planner and stored have ideas waiting, in their order."""
        return list(dict.fromkeys(each.source.arm for each in self._ready))

    def _state(self) -> OptimizerState | None:
        """Return the optimizer's state; what it suggests here is what it proposes next."""
        history = self.context.history
        try:
            suggestion = self.optimizer.peek(history.seen)
        except SpaceExhaustedError:
            return None
        return describe(self.optimizer.names[0], suggestion, history)

    async def _think(self, context: Context) -> list[Proposal]:
        paid = context.ledger.spent.get("calls", 0)
        try:
            proposals = await self.planner.propose(context, context.study.evaluation.workers)
        except CassetteMismatchError:
            raise
        except Exception as error:  # noqa: BLE001  # a planner may be anybody's; it must not end a study
            self._problem("crashed", f"planner {self.planner.name}: {type(error).__name__}: {error}")
            proposals = []
        if not proposals and context.ledger.spent.get("calls", 0) > paid:
            self.gate.fruitless(PLANNER)
        return proposals

    def _tape(self) -> _Tape | None:
        tape: _Tape | None = getattr(self.planner, "cassette", None)
        return tape

    def _refuse(self, refused: Refused) -> None:
        about = f" ({refused.proposal.rationale})" if refused.proposal.rationale else ""
        self._problem(refused.code, f"{refused.reason}{about}")

    def _problem(self, code: events.ProblemCode, message: str) -> None:
        self.context.emit(events.PlannerProblem(study=self.context.key, code=code, message=message))


def _decided(proposal: Proposal, decision: Decision) -> Proposal:
    """Return a proposal that says why it was its turn; nothing where there was no choice."""
    return replace(proposal, gate={"why": decision.why, "scores": decision.scores}) if decision.why else proposal
