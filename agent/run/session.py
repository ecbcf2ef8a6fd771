"""The loop of a study: propose, evaluate, record, tell. Yields typed events; knows no face that shows them.

A Session is also an ask/tell interface for callers that evaluate trials themselves.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import partial
from typing import Self

from ...tools.ending import Ending, Step
from ...tools.errors import TrimtabError
from ...tools.loop_thread import LoopThread
from ...tools.targets import Measurement
from .. import events
from ..executors.base import Executor
from ..memory.consolidation import consolidate
from ..memory.recollection import recollect
from ..memory.store import Store
from ..memory.store.rows import StoredEvaluation, StoredStudy
from ..models.recording import Recording
from ..planners.base import Context, Planner, Setup, build_planner
from ..study.sections import Study
from ..trials.trial import Trial
from .announcing import study_finished, study_started
from .conclusion import Conclusion, conclude
from .evaluating import executor_of
from .guarding import guarded
from .journals import undo_pending
from .out_of_sight import out_of_sight
from .proposals.opening import asking, resume_study, start_study
from .proposals.proposing import Proposing
from .record import Record
from .recording import recorded, remembered, repeated
from .search import News, Search

CLOSE_S = 20.0
"""How long each part of a run gets to close, seconds; an executor that restores systems says itself how long."""


class BudgetSpentError(TrimtabError):
    """A trial was asked for after the budget was spent."""


class Session:
    """One run of a study. Build it with `start` or `resume`; then iterate `run`, or use `ask` and `tell`."""

    def __init__(self, study: Study, store: Store, stored: StoredStudy, planner: Planner) -> None:
        """Rebuild the study's state from the store; `start` and `resume` are what callers want."""
        self.study, self.planner = study, planner
        self.record = Record(study, store, stored)
        self._news: News = asyncio.Queue()
        recording: Recording | None = getattr(planner, "recording", None)
        context = Context(
            study,
            self.record.history,
            self.record.ledger,
            memory=remembered(recording) or recollect(store, study, asking(study, stored)),
            key=stored.key,
            study_id=stored.id,
            emit=self._emit,
            guard=partial(guarded, study, out_of_sight(store)) if study.code is not None else None,
        )
        self.proposing = Proposing(context, self.record.optimizer, self.record.gate, planner)
        self._calls: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._search = Search(self.record, self.proposing, self._news)
        self._state = "interrupted"
        self._thread: LoopThread | None = None
        self._here: Executor | None = None

    @classmethod
    def open(cls, setup: Setup, *, resume: bool = False) -> Self:
        """Begin a study in the setup's store, or go on with it, with the planner that it names; see `resume`.

        Raises:
            ValueError: the setup has no store.
        """
        if setup.store is None:
            raise ValueError("a session needs a store")
        begin = cls.resume if resume else cls.start
        return begin(setup.study, setup.store, build_planner(setup))

    @classmethod
    def start(cls, study: Study, store: Store, planner: Planner | None = None) -> Self:
        """Begin a new study in the store; `planner` replaces the one that the study names."""
        planner = planner or build_planner(Setup(study, store))
        return cls._owning(study, store, start_study(store, study), planner)

    @classmethod
    def resume(cls, study: Study, store: Store, planner: Planner | None = None, key: str | None = None) -> Self:
        """Go on with the stored study of this key, or the latest of this name; only what was running is repeated.

        Raises:
            InputError: there is none, another process runs it, or the study has changed since.
        """
        planner = planner or build_planner(Setup(study, store))
        return cls._owning(study, store, resume_study(store, study, key), planner)

    @classmethod
    def _owning(cls, study: Study, store: Store, stored: StoredStudy, planner: Planner) -> Self:
        """Build the session of a study that this process owns; give it up where that fails."""
        try:
            return cls(study, store, stored, planner)
        except BaseException:
            store.release(stored.id, "interrupted" if stored.state == "running" else stored.state)
            raise

    @property
    def key(self) -> str:
        """The study's key in the store."""
        return self.record.stored.key

    # Ask and tell

    def ask(self) -> Trial:
        """Return the next trial to evaluate, recorded as running. Blocks while the planner thinks.

        Raises:
            BudgetSpentError: no trial is left in the budget.
            SpaceExhaustedError: every configuration was tried.
        """
        if self._search.unfinished:
            return self._search.unfinished.popleft()
        spent = self.record.spent()
        if spent:
            raise BudgetSpentError(f"the {spent} is spent")
        if self.record.history.default is not None:
            self._asking().run(self.proposing.think_now())
        return self.record.begin(self.proposing.next())

    def tell(self, number: int, metrics: Mapping[str, float] | None = None, failed: str | None = None) -> Trial:
        """Record the result of an asked trial: its metrics, or the reason why it failed.

        Raises:
            TrimtabError: no such trial is running, or a required metric is missing or not finite.
        """
        trials = self.record.history.trials
        if not 0 <= number < len(trials) or trials[number].state != "running":
            raise TrimtabError(f"trial {number} is not running")
        trial, told = trials[number], dict(metrics or {})
        missing = [name for name in self.study.required_metrics if name not in told]
        if failed is None and missing:
            raise TrimtabError(f"trial {number} was told no metric {missing[0]!r}")
        unusable = [name for name, value in told.items() if not math.isfinite(value)]
        if unusable:
            raise TrimtabError(f"trial {number}: metric {unusable[0]!r} is not finite", "tell it as failed")
        seconds = time.time() - trial.started
        if failed is None:
            measurement = Measurement(state="complete", metrics=told, duration_s=seconds)
        else:
            measurement = Measurement(state="failed", reason=failed, duration_s=seconds)
        seed = self.study.evaluation.tuning_seeds[0]
        self.record.finish(trial, [measurement], StoredEvaluation("tune", number, 0, seed, measurement))
        return trial

    def close(self) -> None:
        """Give the study up, so that another process may resume it; `run` does this by itself.

        Raises:
            EndingError: the planner could not be closed; the study was given up.
        """
        self._state = "interrupted" if self.record.spent() is None else "finished"
        with self._asking() as thread:
            self._thread = None
            thread.run(self._close())

    def _asking(self) -> LoopThread:
        """Return the event loop in which the planner thinks for `ask`: one for the session's life."""
        if self._thread is None:
            self._thread = LoopThread()
        return self._thread

    async def _close(self) -> None:
        async with Ending() as ending:
            self._end(ending)

    # The loop

    async def run(self, executor: Executor | None = None) -> AsyncGenerator[events.Event]:
        """Search until the budget is spent, check the incumbent, and yield everything that happens.

        Cancelling the task that iterates kills running evaluations at once; they are repeated on resume.
        """
        self._state = "interrupted"
        async with Ending() as ending:
            self._end(ending)
            executor = self._here = self._executor(executor)
            ending.then("closing the executor", executor.close, getattr(executor, "close_s", CLOSE_S))
            ending.then("ending the running evaluations", self._search.cancel, CLOSE_S)
            yield study_started(self.record, self.planner, executor)
            self._say_at_start(executor)
            async for event in self._undo():
                yield event
            async for event in self._search.run(executor):
                yield event
            await self._end_thoughts()
            while not self._news.empty():  # what the planner's end announced
                last = self._news.get_nowait()
                if last is not None and not isinstance(last, asyncio.Task):
                    yield last
            known = self.record.result_before()
            if known is not None and not self._search.stopping:
                self._state = "finished"
                yield known
                return
            found = Conclusion()
            if not self._search.stopping:
                async for event in conclude(self.record, executor, found, lambda: self._search.stopping):
                    yield event
            if self._search.stopping:
                trials = len(self.record.history.finished)
                yield events.StudyInterrupted(study=self.key, trials=trials, resume="run it again with --resume")
            else:
                yield self._finished(executor, found)

    def _executor(self, given: Executor | None) -> Executor:
        """Return what evaluates: what was given or what the study names, beside a recording where there is one."""
        recording: Recording | None = getattr(self.planner, "recording", None)
        return recorded(recording, repeated(recording) or given or self._named())

    def _say_at_start(self, executor: Executor) -> None:
        """Announce what a person should know before the first trial."""
        if executor.sandbox_name == "process" or self.study.evaluation.isolation == "none":
            self._note("sandbox", f"weaker sandbox: {executor.sandbox_guarantees}")
        if self.study.gate.patience is not None:
            note = "gate.patience is no longer used: rests follow from the record of the planner's thoughts"
            self._note("setting", note)
        if self.record.stored.memory == "lottery":
            self._note(
                "memory", "by lottery this study runs without memory (memory.lottery), so that its use can be told"
            )
        if grown := self.record.grown():
            self._note("setting", grown)
        target = self.study.target
        outside = [f"target.{name}" for name in target.hooks] if target is not None else []
        outside += ["the service"] if target is not None and target.service is not None else []
        if outside:
            self._note("sandbox", f"outside the sandbox, as you: {', '.join(outside)}")

    def _note(self, kind: events.NoticeKind, message: str) -> None:
        self._emit(events.Notice(study=self.key, kind=kind, message=message))

    def _named(self) -> Executor:
        """Return what evaluates by the study; what it will have to undo on this machine is noted beside the store."""
        return executor_of(self.record.store, self.study, self.key, self.record.stored)

    async def _undo(self) -> AsyncIterator[events.Event]:
        """Undo what killed runs on this store have left, before anything is measured.

        Raises:
            TrimtabError: what this study itself has left cannot be undone, so its results would mean nothing.
        """
        async for undone in undo_pending(self.record.store, self.key):
            if undone.trouble and undone.study == self.key:
                hint = f"mend that, or forget it: trimtab restore {self.key} --forget"
                raise TrimtabError(
                    f"what {self.key} changed before it was killed cannot be undone: {undone.trouble}", hint
                )
            message = "; ".join([f"restored what {undone.study} had changed before it was killed", *undone.left])
            if undone.trouble:
                message = f"what {undone.study} changed before it was killed is not undone: {undone.trouble}"
            yield events.Notice(study=self.key, kind="restored", message=message)

    @property
    def left(self) -> list[str]:
        """Lines about what the run, now at its end, did not undo because somebody else had changed it meanwhile."""
        return list(getattr(self._here, "left", ()))

    def stop(self) -> None:
        """Start nothing more; running evaluations end, then `run` ends. The study can be resumed."""
        self._search.stop()

    def skip(self) -> None:
        """Wait no more for the planner's present thought; its ideas are used when they come."""
        self.proposing.skip()

    def pause(self) -> None:
        """Start nothing more until `unpause`; running evaluations end. A pause is no time of the search."""
        self._search.pause(True)

    def unpause(self) -> None:
        """Go on after a pause."""
        self._search.pause(False)

    def go_on(self) -> None:
        """Answer a notice of kind 'hopeless', while it is the last event: the run goes on.

        Without an answer it gives up; `pause` makes it wait, and then `unpause` goes on, `stop` ends it.
        """
        self._search.go_on()

    @property
    def gave_up(self) -> bool:
        """Whether the run ended because nothing worked."""
        return self._search.gave_up

    @property
    def stopping(self) -> bool:
        """Whether the run ends after the evaluations under way."""
        return self._search.stopping

    @property
    def paused(self) -> bool:
        """Whether the search is paused."""
        return self._search.paused

    async def _end_thoughts(self) -> None:
        """Let the planner think no more: it would disturb the check. One that does not stop is left behind."""
        failed, cancelled = await Step("ending the planner's thoughts", self.proposing.close, CLOSE_S).run()
        if cancelled is not None:
            raise cancelled
        if failed is not None:
            self._emit(events.PlannerProblem(study=self.key, code="crashed", message=failed.message))

    def _finished(self, executor: Executor, found: Conclusion) -> events.StudyFinished:
        """Store the result and return its event."""
        counted = {"calls": dict(self._calls), "problems": dict(self._problems)}
        waited = {"waited_s": self.proposing.thinking.waited_s}
        search = self._search
        finished = study_finished(self.record, self.planner, executor, found, search.stopped_by, {**counted, **waited})
        self.record.store.set_result(self.record.stored.id, finished.model_dump(mode="json"))
        if self.study.memory.use == "on":
            stored = self.record.stored
            consolidate(self.record.store, self.study, stored.id, stored.project, self.record.history, finished)
        self._state = "interrupted" if search.gave_up else "finished"
        return finished

    def _end(self, ending: Ending) -> None:
        """Let the end of a run close what a session holds."""
        ending.then("releasing the study", self._release, CLOSE_S)
        ending.then("closing the planner", self.planner.close, CLOSE_S)
        ending.then("ending the planner's thoughts", self.proposing.close, CLOSE_S)

    async def _release(self) -> None:
        self.record.store.release(self.record.stored.id, self._state)

    def _emit(self, event: events.Event) -> None:
        """Announce an event, and count what the report counts."""
        if isinstance(event, events.ModelCalled):
            self._calls[event.outcome] += 1
        elif isinstance(event, events.PlannerProblem):
            self._problems[event.code] += 1
        self._news.put_nowait(event)
