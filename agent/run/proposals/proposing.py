"""Where the next configuration comes from: the default first, then whoever the gate gives the turn.

The planner thinks in a task of its own; when it has nothing ready, the optimizer fills the slot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from statistics import median

from ....tools.targets.code.tunables import at, tunables_of
from ... import events
from ...optimizers.mirror import Optimizer
from ...optimizers.on_branch import propose_on_branch
from ...optimizers.state import OptimizerState, describe
from ...planners.base import Context, Knowing, Planner
from ...study.space import Configuration
from ...study.words import words
from ...trials.branches import next_branch, seen_on
from ...trials.candidate import Candidate
from ...trials.proposal import Accepted, Proposal, Refused, review
from ...trials.source import DEFAULT, Source
from .gate import PLANNER, STORED, Decision, Gate
from .remembering import Remembering
from .ruling import Ruling, Use, alone, use_of
from .thinking import Thinking

Approve = Callable[[Accepted, Use], Awaitable[Ruling]]
"""Decides about an idea where there is a person, who is asked where rules or the mode of the conversation say so."""


class Proposing:
    """Chooses proposals for one study."""

    def __init__(self, context: Context, optimizer: Optimizer, gate: Gate, planner: Planner) -> None:
        self.context, self.optimizer, self.gate, self.planner = context, optimizer, gate, planner
        self._continuations = deque(optimizer.continuations())
        self.approve: Approve | None = None
        self.on_question: Callable[[bool], None] = lambda _waits: None  # told when a person's answer is waited for
        self.thinking = Thinking(context, gate, planner, self._state)
        self._ready: deque[Proposal] = deque()
        self._asked: deque[Accepted] = deque()
        self._approvals: set[asyncio.Task[None]] = set()
        self._knows = isinstance(planner, Knowing)
        remembers = self._knows and context.study.planner.offline_first
        self._remembering = Remembering(context.study, context.memory) if remembers else None
        self._hurried = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether something that a person decided on waits to be the next trial."""
        return bool(self._asked)

    def think(self) -> None:
        """Take in what is known without thinking, and let the planner think if it is time to."""
        if self._knows and isinstance(self.planner, Knowing):
            self._knows = False
            self._take(self.planner.known(self.context.now(None)))
        if self._remembering is not None and STORED not in self._ready_arms() and not self._approvals:
            remembered = self._remembering.next(self.context.history)
            self._take([remembered] if remembered is not None else [])
        if not self._approvals and self.context.ledger.left("trials") != 0:
            self.thinking.ask(self._waiting())

    async def think_now(self) -> None:
        """Let the planner think to its end, for callers that ask for one trial at a time."""
        self.think()
        self._replace(await self.thinking.finish())

    def want(self, decided: Accepted) -> None:
        """Let what a person decided on be the next trial, unless it is so already."""
        if decided.candidate.key not in {each.candidate.key for each in self._asked}:
            self._asked.append(decided)

    async def settle(self) -> None:
        """Take in ideas that are there; in a replay, exactly when the recorded run had them.

        Where a person approves ideas, the last trials of the budget are kept for those that wait for an answer.

        Raises:
            RecordingMismatchError: a strict replay met a request that was not recorded.
        """
        order = self.thinking.recording.order if self.thinking.recording is not None else None
        if order is not None:
            await order.turn_of({"asked", "started"})
        self.think()
        self._replace(await self.thinking.take(needed=self._needed()) or [])
        if order is not None:
            await order.turn(("started", len(self.context.history.trials)))
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

    def skip(self) -> None:
        """Wait no more for the planner's present thought; its ideas are used when they come."""
        self.thinking.skip()

    def hurry(self) -> None:
        """Wait for the planner no more: the run is being stopped."""
        self._hurried.set()
        self.thinking.skip()

    def next(self) -> Accepted:
        """Return what to evaluate next.

        Raises:
            SpaceExhaustedError: every configuration was tried.
        """
        found, recording = self._next(), self.thinking.recording
        if recording is not None:
            number = len(self.context.history.trials)
            recording.started(number)
            if recording.order is not None:
                recording.order.passed(("started", number))
        return found

    def _next(self) -> Accepted:
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
        decision = self._decide()
        while decision.arm in {PLANNER, STORED}:
            idea = next(each for each in self._ready if each.source.arm == decision.arm)
            self._ready.remove(idea)
            reviewed = review(idea, space, history.seen)
            if isinstance(reviewed, Refused):
                self._refuse(reviewed)
            elif not self._unpromising(reviewed):
                return replace(reviewed, proposal=_decided(reviewed.proposal, decision))
            decision = self._decide()
        return self._sampled(decision)

    def _sampled(self, decision: Decision) -> Accepted:
        """Return the optimizer's next trial: of the branch whose turn it is, where the program is edited."""
        history = self.context.history
        base = next_branch(history) if self.context.study.code is not None else None
        patch = base.candidate.patch if base is not None else None
        project = self.context.study.project
        if base is not None and patch is not None and project is not None and tunables_of(patch):
            configuration, values = propose_on_branch(history, base, decision.arm)
            patch = at(patch, values, project.rules)
        else:
            seen = history.seen if base is None else seen_on(history, patch)
            configuration = self.optimizer.propose(seen, decision.arm)
        parent = base.number if base is not None and patch is not None else None
        proposal = Proposal(configuration, Source("sampler", decision.arm), patch=patch, parent=parent)
        return Accepted(Candidate(configuration, patch), _decided(proposal, decision))

    def _decide(self) -> Decision:
        waiting = self._waiting()
        thought = thought_of(waiting[0]) if waiting else self.thinking.number
        return self.gate.choose(self._ready_arms(), thought, thinking=not self.planner.done)

    def _unpromising(self, accepted: Accepted) -> bool:
        """Whether even the optimizer's hope for an idea is worse than most results; the opening is tried anyway."""
        if self.context.study.gate.policy != "bandit" or self._by_right(accepted.proposal):
            return False
        forecast = self.optimizer.forecast([accepted.configuration])
        if forecast is None:
            return False
        losses = [self.context.history.losses(t)[0] for t in self.context.history.trials if t.state == "complete"]
        _expected, low, _high = forecast[0]
        if low <= median(losses):
            return False
        reason = "worse than most trials by all the optimizer knows"
        self._remember(accepted.proposal, reason)
        self._problem("unpromising", f"{words(accepted.configuration)}: {reason}")
        return True

    async def close(self) -> None:
        """Stop thinking, and wait for no approval."""
        for approval in self._approvals:
            approval.cancel()
        await asyncio.gather(*self._approvals, return_exceptions=True)
        await self.thinking.close()

    def _needed(self) -> bool:
        """Whether the next trial is for the planner, and there is nothing else to do while it thinks."""
        if (
            self._asked
            or self._continuations
            or PLANNER in self._ready_arms()
            or not self.gate.wants(self.thinking.number)
        ):
            return False
        return STORED not in self._ready_arms() or self.gate.started_by[STORED] >= self.gate.stored_first

    def _waiting(self) -> list[Proposal]:
        """Return the planner's ideas that wait for their turn."""
        return [each for each in self._ready if each.source.arm == PLANNER]

    def _replace(self, proposals: Sequence[Proposal]) -> None:
        """Take in the ideas of a new thought; it knew of those that wait, and replaces them, but for an opening's."""
        if proposals:
            self._ready = deque(each for each in self._ready if each.source.arm != PLANNER or self._by_right(each))
        self._take(proposals)

    def _take(self, proposals: Sequence[Proposal]) -> None:
        """Take in ideas that the study's rules allow; where there is a person to approve them, each waits for that."""
        if self.approve is None:
            self._ready.extend(each for each in proposals if self._allowed(each))
            return
        for proposal in proposals:
            task = asyncio.create_task(self._approved(proposal, self.approve))
            self._approvals.add(task)
            task.add_done_callback(self._approvals.discard)

    def _allowed(self, proposal: Proposal) -> bool:
        """Whether the study's rules, if it has any, allow a proposal; nobody is there to be asked."""
        if not self.context.study.approval.rules:
            return True
        reviewed = review(proposal, self.context.study.space, self.context.history.seen)
        if isinstance(reviewed, Refused):
            self._refuse(reviewed)
            return False
        use = use_of(proposal.patch, self.context.history)
        ruling = alone(self.context.history, use)
        self._ruled(reviewed, use, ruling)
        return ruling.allowed

    async def _approved(self, proposal: Proposal, approve: Approve) -> None:
        reviewed = review(proposal, self.context.study.space, self.context.history.seen)
        if isinstance(reviewed, Refused):
            self._refuse(reviewed)
            return
        use = use_of(proposal.patch, self.context.history)
        ruling = await approve(reviewed, use)
        self._ruled(reviewed, use, ruling)
        if not ruling.allowed:
            return
        if ruling.configuration is None:
            self._ready.append(proposal)
        else:  # what a person approved is evaluated, whatever the gate thinks of its author
            if ruling.configuration != reviewed.configuration:  # the prediction was made for something else
                proposal = replace(proposal, predicted={})
            self.want(Accepted(Candidate(ruling.configuration, proposal.patch), proposal, reviewed.changes))

    def _ruled(self, reviewed: Accepted, use: Use, ruling: Ruling) -> None:
        """Announce a decision; the planner is told of a refusal."""
        proposal, decision = reviewed.proposal, "allow" if ruling.allowed else "refuse"
        about = {"tool": use.tool, "decision": decision, "by": ruling.by, "reason": ruling.reason}
        what = {"source": proposal.source.label, "configuration": reviewed.configuration, "files": use.changed or {}}
        self.context.emit(events.ApprovalDecided.model_validate({"study": self.context.key, **about, **what}))
        if ruling.allowed:
            return
        edit = f"the edit of {', '.join(use.changed)} with " if use.changed else ""
        self._problem("refused", f"a {ruling.by} refused {edit}{words(reviewed.configuration)}: {ruling.reason}")
        notes = self.context.notes
        if ruling.by == "rule":
            self._remember(proposal, ruling.reason)
        elif isinstance(notes, list):
            notes.append(f"refused {edit}{words(reviewed.configuration)}: {ruling.reason}")

    def _by_right(self, proposal: Proposal) -> bool:
        return proposal.source.arm == PLANNER and self.gate.by_right(thought_of(proposal))

    def _ready_arms(self) -> list[str]:
        """Return which of planner and stored have ideas waiting, in their order."""
        return list(dict.fromkeys(each.source.arm for each in self._ready))

    def _state(self) -> OptimizerState:
        """Return the optimizer's state, with what it expects of the incumbent and of what it would try."""
        history = self.context.history
        return describe(self.optimizer, history)

    def _refuse(self, refused: Refused) -> None:
        self._remember(refused.proposal, refused.reason)
        about = f" ({refused.proposal.rationale})" if refused.proposal.rationale else ""
        self._problem(refused.code, f"{refused.reason}{about}")

    def _remember(self, proposal: Proposal, reason: str) -> None:
        """Keep for the planner why an idea of its was not tried."""
        if proposal.source.arm == PLANNER and isinstance(self.context.refused, list):
            self.context.refused.append(f"{words(self._shown(proposal))}: {reason}")

    def _shown(self, proposal: Proposal) -> Configuration:
        return self.context.study.space.repair(proposal.values).configuration

    def _problem(self, code: events.ProblemCode, message: str) -> None:
        self.context.emit(events.PlannerProblem(study=self.context.key, code=code, message=message))


def thought_of(proposal: Proposal) -> int:
    """Return the number of the thought that an idea is from."""
    return int(proposal.gate["thought"])


def _decided(proposal: Proposal, decision: Decision) -> Proposal:
    """Return a proposal that says why it was its turn; nothing where there was no choice."""
    if not decision.why:
        return proposal
    return replace(proposal, gate={**proposal.gate, "why": decision.why, "scores": decision.scores})
