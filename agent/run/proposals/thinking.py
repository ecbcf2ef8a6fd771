"""The planner at work: one thought at a time, asked when it is time, waited for as long as that pays.

Knows when to ask and how long to wait; what becomes of the ideas is for `proposing`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from ... import events
from ...models.order import Order
from ...models.recording import RecordingMismatchError
from ...optimizers.state import OptimizerState
from ...planners.base import Context, Planner, Question
from ...trials.proposal import Proposal
from .gate import Gate
from .pace import LOOK_IDEAS, OPENING_IDEAS, Pace

_MARKS = (0.25, 0.5, 0.75)
"""Shares of the budget at which a planner that works in batches is asked again."""

_GRACE_S = 0.1
"""An answer that comes as the wait ends is still taken."""


class QuestionRecording(Protocol):
    """What a recording needs to know of a run, and tells it in a replay: when thoughts began, and when they ended."""

    def asked(self, thought: int, question: dict[str, Any]) -> None: ...
    def arrived(self, thought: int, trial: int) -> None: ...
    def started(self, trial: int) -> None: ...
    def question(self, thought: int) -> dict[str, Any] | None: ...
    def arrival(self, thought: int) -> int | None: ...
    @property
    def order(self) -> Order | None: ...


@dataclass
class _Thought:
    """A question and the planner's work on it. The run waits until `deadline`, on the event loop's clock."""

    number: int
    question: Question
    task: asyncio.Task[list[Proposal]]
    deadline: float


class Thinking:
    """Asks one planner. `state` describes the optimizer for a prompt."""

    def __init__(
        self, context: Context, gate: Gate, planner: Planner, state: Callable[[], OptimizerState | None]
    ) -> None:
        self.context, self.gate, self.planner, self.state = context, gate, planner, state
        self.pace = Pace(context.study, context.history)
        self._thought: _Thought | None = None
        self._number = self.gate.thoughts.latest + 1
        self._opening_ideas = self.gate.thoughts.measured(0)
        self._asked_at_trial = 0
        self.waited_s = 0.0
        """Seconds that the run has waited for answers in all."""
        self._fruitless = False
        self._skip = asyncio.Event()

    @property
    def recording(self) -> QuestionRecording | None:
        """The recording that is made or replayed, None where there is none."""
        recording: QuestionRecording | None = getattr(self.planner, "recording", None)
        return recording

    @property
    def number(self) -> int:
        """The number of the thought that is under way, or the next."""
        return self._number

    def ask(self, waiting: Sequence[Proposal]) -> None:
        """Start a thought if it is time for one; `waiting` are the planner's ideas that wait for their turn."""
        if self._thought is not None:
            return
        recording = self.recording
        question = (
            self._question(waiting)
            if recording is None or recording.order is None
            else self._recorded(recording, recording.order)
        )
        if question is None:
            return
        self._asked_at_trial = len(self.context.history.trials)
        context = self.context.now(self.state(), question, waiting, self._ideas_left())
        now, wait_s = _now(), self._wait_s(question)
        deadline = now + wait_s + (_GRACE_S if wait_s else 0.0)
        if recording is not None:
            recording.asked(self._number, asdict(question))
        self._emit(events.PlannerAsked(study=self.context.key, thought=self._number, kind=question.kind, wait_s=wait_s))
        self._skip.clear()
        task = asyncio.create_task(self._think(context, question))
        self._thought = _Thought(self._number, question, task, deadline)

    async def take(self, *, needed: bool) -> list[Proposal] | None:
        """Return the ideas of a thought that has ended, None while there are none.

        Waits for it, as long as that pays, where the next trial is the planner's and nothing else is there for it.
        In a replay, ideas come exactly when the recorded run had them.

        Raises:
            RecordingMismatchError: a strict replay met a request that was not recorded.
        """
        thought, recording, trial = self._thought, self.recording, len(self.context.history.trials)
        if thought is None:
            return None
        arrival = recording.arrival(thought.number) if recording is not None else None
        if arrival is None:
            if needed:
                await self._wait(thought)
            if not thought.task.done():
                return None
        elif arrival > trial:
            return None
        if self._thought is not thought:  # taken by somebody else meanwhile
            return None
        proposals = await thought.task
        if recording is not None:
            recording.arrived(thought.number, trial)
        self._thought = None
        self._number += 1
        if self._fruitless:  # counted where its answer is taken, so that a replay counts it there too
            self._fruitless = False
            self.gate.fruitless()
        if thought.number == 0:
            self._opening_ideas = len(proposals)
        return [replace(each, gate={**each.gate, "thought": thought.number}) for each in proposals]

    async def finish(self) -> list[Proposal]:
        """Let the thought that is under way end, and return its ideas; nothing where there is none."""
        if self._thought is None:
            return []
        await asyncio.wait({self._thought.task})
        return await self.take(needed=False) or []

    def skip(self) -> None:
        """Wait no more for the thought that is under way; its ideas are used when they come."""
        self._skip.set()

    async def close(self) -> None:
        """Stop thinking."""
        thought, self._thought = self._thought, None
        if thought is not None:
            thought.task.cancel()
            await asyncio.gather(thought.task, return_exceptions=True)

    def _question(self, waiting: Sequence[Proposal]) -> Question | None:
        """Return what to ask now, None when it is not time."""
        history, budget = self.context.history, self.context.study.budget.trials
        default, started = history.default, len(history.trials)
        if self.planner.done or started >= budget or default is None or default.state == "running":
            return None
        if self._number == 0:
            return Question("opening", OPENING_IDEAS) if self.gate.wants(0) else None
        if self._number == 1 and self._opening_ideas:
            wanted = self.gate.thoughts.measured(0) >= (self._opening_ideas + 1) // 2
            wanted |= self.gate.thoughts.opening_cut and self.gate.wants(1, self.pace.ahead())
            return Question("second look", LOOK_IDEAS) if wanted else None
        if self.pace.rhythm == "batch":
            marked = any(self._asked_at_trial < share * budget <= started for share in _MARKS)
            wanted = marked and self.gate.wants(self._number, self.pace.ahead())
            return Question("look", self.pace.ideas(self.gate.share)) if wanted else None
        if waiting or not self.gate.wants(self._number, self.pace.ahead()):
            return None
        return Question("step", self.pace.ideas(self.gate.share), look_around=True)

    def _recorded(self, recording: QuestionRecording, order: Order) -> Question | None:
        """Return the question that the recorded run asked here, None where it did not."""
        mark, found = ("asked", self._number), recording.question(self._number)
        if found is None or not order.is_next(mark):
            return None
        order.passed(mark)
        return Question(**found)

    def _ideas_left(self) -> int:
        """Return about how many of the trials left will be the planner's."""
        left = self.context.study.budget.trials - len(self.context.history.trials)
        first = OPENING_IDEAS if self._number == 0 else 0
        return min(left, first + round(self.gate.share * max(0, left - first)))

    def _wait_s(self, question: Question) -> float:
        return self.pace.opening_wait_s() if question.kind == "opening" else self.pace.look_wait_s()

    async def _wait(self, thought: _Thought) -> None:
        began = _now()
        if thought.task.done() or began >= thought.deadline:
            return
        skipped = asyncio.create_task(self._skip.wait())
        await asyncio.wait(
            {thought.task, skipped}, timeout=thought.deadline - began, return_when=asyncio.FIRST_COMPLETED
        )
        skipped.cancel()
        if self._skip.is_set():
            thought.deadline = began
        waited_s = _now() - began
        self.waited_s += waited_s
        if thought.question.kind != "opening":
            self.pace.paused_s += waited_s

    async def _think(self, context: Context, question: Question) -> list[Proposal]:
        began, paid = _now(), context.ledger.spent.get("calls", 0)
        try:
            proposals = await self.planner.propose(context, question.ideas)
        except RecordingMismatchError:
            raise
        except Exception as error:  # noqa: BLE001  # a planner may be anybody's; it must not end a study
            message = f"planner {self.planner.name}: {type(error).__name__}: {error}"
            self._emit(events.PlannerProblem(study=self.context.key, code="crashed", message=message))
            proposals = []
        latency_s = _now() - began
        self.pace.answered(latency_s)
        if not proposals and context.ledger.spent.get("calls", 0) > paid:
            self._fruitless = True
        self._emit(
            events.PlannerAnswered(
                study=self.context.key, thought=self._number, proposals=len(proposals), latency_s=latency_s
            )
        )
        return proposals

    def _emit(self, event: events.Event) -> None:
        self.context.emit(event)


def _now() -> float:
    """Return the time on the event loop's clock, which a simulation may drive."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
