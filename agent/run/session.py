"""The loop of a study: propose, evaluate, record, tell. Yields typed events; knows no face that shows them.

A Session is also an ask/tell interface for callers that evaluate trials themselves.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Self

from ...tools.ending import Ending, Step
from ...tools.errors import TrimtabError
from ...tools.targets import Measurement
from .. import events
from ..executors.base import Executor
from ..executors.local import LocalExecutor
from ..memory.recall import recall
from ..memory.rows import StoredEvaluation, StoredStudy
from ..memory.store import Store
from ..optimizers.mirror import SpaceExhaustedError
from ..parts import PLANNERS
from ..place import planned_directory
from ..planners.base import Context, Planner, Setup
from ..planners.calibration import calibrate
from ..study.sections import Study
from ..trials.trial import Trial
from .conclusion import Conclusion, conclude, job
from .opening import resume_study, start_study
from .proposing import Proposing
from .record import Record

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
        context = Context(
            study,
            self.record.history,
            self.record.ledger,
            recalled=tuple(recall(store, study, exclude=stored.key)) if study.planner.recall else (),
            key=stored.key,
            study_id=stored.id,
            emit=self._emit,
        )
        self.proposing = Proposing(context, self.record.optimizer, self.record.gate, planner)
        self._calls: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._unfinished = deque(self.record.unfinished)
        self._queue: asyncio.Queue[events.Event | asyncio.Task[None] | None] = asyncio.Queue()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = self._paused = self._noticed = False
        self._stopped_by = ""
        self._state = "interrupted"

    @classmethod
    def start(cls, study: Study, store: Store, planner: Planner | None = None) -> Self:
        """Begin a new study in the store; `planner` replaces the one that the study names."""
        planner = planner or _planner(study, store)
        return cls._owning(study, store, start_study(store, study), planner)

    @classmethod
    def resume(cls, study: Study, store: Store, planner: Planner | None = None) -> Self:
        """Go on with the latest stored study of this name; only evaluations that were running are repeated.

        Raises:
            InputError: there is none, another process runs it, or the study has changed since.
        """
        planner = planner or _planner(study, store)
        return cls._owning(study, store, resume_study(store, study), planner)

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
        if self._unfinished:
            return self._unfinished.popleft()
        spent = self.record.spent()
        if spent:
            raise BudgetSpentError(f"the {spent} is spent")
        if self.record.history.default is not None:
            self.proposing.think_now()
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
        """Give the study up, so that another process may resume it; `run` does this by itself."""
        state = "interrupted" if self.record.spent() is None else "finished"
        self.record.store.release(self.record.stored.id, state)

    # The loop

    async def run(self, executor: Executor | None = None) -> AsyncGenerator[events.Event]:
        """Search until the budget is spent, check the incumbent, and yield everything that happens.

        Cancelling the task that iterates kills running evaluations at once; they are repeated on resume.
        """
        self._state = "interrupted"
        async with Ending() as ending:
            ending.then("releasing the study", self._release, CLOSE_S)
            ending.then("closing the planner", self.planner.close, CLOSE_S)
            ending.then("ending the planner's thoughts", self.proposing.close, CLOSE_S)
            if executor is None:
                planned = planned_directory()
                hidden = () if planned is None else (planned,)
                executor = LocalExecutor(self.study.evaluation, self.study.directory, hidden)
            ending.then("closing the executor", executor.close, getattr(executor, "close_s", CLOSE_S))
            ending.then("ending the running evaluations", self._cancel_running, CLOSE_S)
            yield self._started(executor)
            if executor.sandbox_name == "process":
                message = f"weaker sandbox: {executor.sandbox_guarantees}"
                self._emit(events.Notice(study=self.key, kind="sandbox", message=message))
            async for event in self._search(executor):
                yield event
            await self._end_thoughts()
            while not self._queue.empty():  # what the planner's end announced
                last = self._queue.get_nowait()
                if last is not None and not isinstance(last, asyncio.Task):
                    yield last
            found = Conclusion()
            if not self._stopping:
                async for event in conclude(self.record, executor, found, lambda: self._stopping):
                    yield event
            if self._stopping:
                trials = len(self.record.history.finished)
                yield events.StudyInterrupted(study=self.key, trials=trials, resume="run it again with --resume")
            else:
                finished = self._finished(executor, found)
                self.record.store.set_result(self.record.stored.id, finished.model_dump(mode="json"))
                self._state = "finished"
                yield finished

    def stop(self) -> None:
        """Start nothing more; running evaluations end, then `run` ends. The study can be resumed."""
        self._stopping = True
        self.proposing.hurry()
        self._queue.put_nowait(None)

    def pause(self) -> None:
        """Start nothing more until `unpause`; running evaluations end."""
        self._paused = True

    def unpause(self) -> None:
        """Go on after a pause."""
        self._paused = False
        self._queue.put_nowait(None)

    @property
    def paused(self) -> bool:
        """Whether the search is paused."""
        return self._paused

    async def _search(self, executor: Executor) -> AsyncIterator[events.Event]:
        self.record.begin_search()
        while True:
            async for event in self._fill(executor):
                yield event
            if not self._running and self._queue.empty() and (self._stopping or not self._paused):
                return
            item = await self._queue.get()
            if isinstance(item, asyncio.Task):
                self._running.discard(item)
                item.result()
            elif item is not None:
                yield item

    async def _fill(self, executor: Executor) -> AsyncIterator[events.Event]:
        """Start trials on all free workers."""
        while len(self._running) < executor.workers and not (self._stopping or self._paused):
            await asyncio.sleep(0)  # a planner without latency gets to speak before the slot is filled
            await self.proposing.settle()
            trial = None if self._stopping else self._next_trial()
            if trial is None:
                return
            task = asyncio.create_task(self._evaluate(trial, executor))
            self._running.add(task)
            task.add_done_callback(self._queue.put_nowait)
            self.proposing.think()
            yield events.TrialStarted(
                study=self.key,
                trial=trial.number,
                source=trial.source.label,
                configuration=trial.configuration,
                rationale=trial.rationale,
                author=trial.source.author,
                predicted=trial.predicted,
                changes=trial.changes,
                gate=trial.gate.get("why", ""),
                scores=trial.gate.get("scores", {}),
                fidelity=trial.fidelity,
            )

    def _next_trial(self) -> Trial | None:
        """Return the next trial to run, None when the search is over."""
        if self._unfinished:
            return self._unfinished.popleft()
        spent = self.record.spent()
        if spent is None:
            try:
                return self.record.begin(self.proposing.next())
            except SpaceExhaustedError as error:
                spent = error.message
        self._stopped_by = spent
        return None

    async def _evaluate(self, trial: Trial, executor: Executor) -> None:
        """Run what is missing of a trial's evaluations; each is recorded before it is announced."""
        evaluation = self.study.evaluation
        measurements = self.record.measured(trial)
        watch = (lambda metrics: self._reported(trial, metrics)) if self.study.fidelity else None
        for _warmup in range(evaluation.warmup):
            await executor.submit(job(self.record, trial.candidate, evaluation.tuning_seeds[0]))
        while True:
            position = len(measurements)
            seed = evaluation.tuning_seeds[position % len(evaluation.tuning_seeds)]
            measurement = await executor.submit(job(self.record, trial.candidate, seed), watch)
            measurements.append(measurement)
            self._say_once(measurement.notice)
            stored = StoredEvaluation("tune", trial.number, position, seed, measurement)
            if self.record.enough(trial, measurements):
                improved = self.record.finish(trial, measurements, stored)
                self._queue.put_nowait(self._evaluated(stored))
                self._queue.put_nowait(self._trial_finished(trial, improved=improved))
                return
            self.record.add(stored)
            self._queue.put_nowait(self._evaluated(stored))
            if self._stopping:
                return

    def _reported(self, trial: Trial, metrics: Mapping[str, float]) -> bool:
        """Take in an intermediate value; return whether to stop the evaluation."""
        found = self.record.reported(trial, metrics)
        if found is None:
            return False
        step, stopped = found
        said = {"trial": trial.number, "step": step, "metrics": dict(metrics), "stopped": stopped}
        self._queue.put_nowait(events.IntermediateValue(study=self.key, **said))
        return stopped

    async def _end_thoughts(self) -> None:
        """Let the planner think no more: it would disturb the check. One that does not stop is left behind."""
        failed, cancelled = await Step("ending the planner's thoughts", self.proposing.close, CLOSE_S).run()
        if cancelled is not None:
            raise cancelled
        if failed is not None:
            self._emit(events.PlannerProblem(study=self.key, code="crashed", message=failed.message))

    async def _release(self) -> None:
        self.record.store.release(self.record.stored.id, self._state)

    async def _cancel_running(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    # Events

    def _emit(self, event: events.Event) -> None:
        """Announce an event, and count what the report counts."""
        if isinstance(event, events.ModelCalled):
            self._calls[event.outcome] += 1
        elif isinstance(event, events.PlannerProblem):
            self._problems[event.code] += 1
        self._queue.put_nowait(event)

    def _say_once(self, notice: str) -> None:
        """Announce what an executor found out about the machine, the first time only."""
        if notice and not self._noticed:
            self._noticed = True
            self._emit(events.Notice(study=self.key, kind="cleanup", message=notice))

    def _started(self, executor: Executor) -> events.StudyStarted:
        record = self.record
        return events.StudyStarted(
            study=self.key,
            resumed=bool(record.history.trials),
            trials_done=len(record.history.finished),
            planner=self.planner.name,
            planner_reason=self.planner.why,
            sampler=record.optimizer.name,
            sandbox=executor.sandbox_name,
            sandbox_guarantees=executor.sandbox_guarantees,
            workers=executor.workers,
            budget=record.ledger.snapshot(),
            store=record.store.shown,
            environment=record.stored.environment,
            **self._so_far(),
        )

    def _evaluated(self, stored: StoredEvaluation) -> events.EvaluationFinished:
        return events.EvaluationFinished(
            study=self.key,
            trial=stored.trial,
            position=stored.position,
            repeats=max(self.study.evaluation.repeats, stored.position + 1),
            seed=stored.seed,
            **stored.measurement.model_dump(exclude={"log", "notice"}),
        )

    def _trial_finished(self, trial: Trial, *, improved: bool) -> events.TrialFinished:
        assert trial.state != "running"
        return events.TrialFinished(
            study=self.key,
            trial=trial.number,
            source=trial.source.label,
            configuration=trial.configuration,
            metrics=trial.metrics,
            state=trial.state,
            reason=trial.reason,
            duration_s=trial.duration_s,
            incumbent=improved,
            budget=self.record.ledger.snapshot(),
        )

    def _so_far(self) -> dict[str, Any]:
        """Return the fields that show default and incumbent as they stand."""
        best, default = self.record.history.incumbent, self.record.history.default
        return {
            "best": events.best_of(best) if best else None,
            "default": events.DefaultTrial(metrics=default.metrics, state=default.state) if default else None,
        }

    def _finished(self, executor: Executor, found: Conclusion) -> events.StudyFinished:
        history = self.record.history
        several = self.study.goals > 1 or self.study.cost is not None
        return events.StudyFinished(
            study=self.key,
            trials=len(history.finished),
            stopped_by=self._stopped_by,
            **self._so_far(),
            check=found.checks[0] if found.checks else None,
            checks=found.checks,
            ablation=found.ablation,
            front=[events.best_of(trial) for trial in history.front()] if several else [],
            counts=self.record.counts(),
            calls=dict(self._calls),
            problems=dict(self._problems),
            budget=self.record.ledger.snapshot(),
            calibration=str(calibrate(history.trials, self.study.objectives[0].metric) or ""),
            planner=self.planner.name,
            planner_reason=self.planner.why,
            sampler=self.record.optimizer.name,
            sandbox=executor.sandbox_name,
        )


def _planner(study: Study, store: Store) -> Planner:
    planner: Planner = PLANNERS[study.planner.name](Setup(study, store))
    return planner
