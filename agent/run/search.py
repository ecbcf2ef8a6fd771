"""The search of one run: keeps the workers busy with trials, and hands on what happens the moment it happens.

Nothing here waits for one thing only: evaluations, the planner and people all post to one queue.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any

from ...tools.targets import Measurement, Watch
from .. import events
from ..executors.base import Executor
from ..executors.engine import LostError
from ..memory.store.rows import StoredEvaluation
from ..optimizers.mirror import SpaceExhaustedError
from ..trials.trial import Trial
from .announcing import evaluated, trial_finished
from .conclusion import job
from .hopeless import hopeless
from .proposals.proposing import Proposing
from .record import Record
from .slow import censored, time_limit
from .suspect import believed, fresh_seed, holds, quarantined, suspicion

News = asyncio.Queue[events.Event | asyncio.Task[None] | None]
"""What happens: events to hand on, tasks that ended, and None where only the state has changed."""


class Search:
    """Runs trials until the budget is spent, every configuration was tried, or somebody stops it."""

    def __init__(self, record: Record, proposing: Proposing, news: News) -> None:
        self.record, self.proposing, self.news = record, proposing, news
        self.unfinished = deque(record.unfinished)
        self.stopping = self.paused = self.gave_up = False
        self.stopped_by = ""
        self._running: set[asyncio.Task[None]] = set()
        self._settling: asyncio.Task[None] | None = None
        self._exhausted = False
        self._lost, self._ended_before, self._goes_on = "", len(record.history.finished), False
        self._person_is_asked = self._noticed = False
        proposing.on_question = self._question

    async def run(self, executor: Executor) -> AsyncIterator[events.Event]:
        """Yield everything that happens until the search is over."""
        self.record.begin_search()
        settled = False
        while True:
            for event in self._fill(executor, settled=settled):
                yield event
            settled = False
            self._keep_time()
            if self._idle() and self._lost and not self.stopping:
                yield self._hopeless()
                self._decide()
                continue
            if self._idle() and (self.stopping or self.gave_up or not self.paused):
                return
            item = await self.news.get()
            settled = item is self._settling and item is not None
            if isinstance(item, asyncio.Task):
                self._ended(item)
            elif item is not None:
                yield item

    def go_on(self) -> None:
        """Answer the notice that a run is hopeless: it goes on, until as many trials again have failed."""
        self._goes_on = True

    @property
    def _holds(self) -> bool:
        """Whether nothing more is started now."""
        return self.stopping or self.paused or self.gave_up or bool(self._lost)

    def _idle(self) -> bool:
        return not self._running and self._settling is None and self.news.empty()

    def _hopeless(self) -> events.Notice:
        self._goes_on = False
        self.record.clock.run(False)  # a person may be asked now
        return events.Notice(study=self.record.stored.key, kind="hopeless", message=f"nothing works: {self._lost}")

    def _decide(self) -> None:
        """Go on if whoever saw the notice said so, or paused the run until somebody decides; else give up."""
        self.gave_up = not (self._goes_on or self.paused or self.stopping)
        if self.gave_up:
            self.stopped_by = f"budget.give_up: {self._lost}"
        self._lost, self._ended_before = "", len(self.record.history.finished)

    def stop(self) -> None:
        """Start nothing more, and wait for no planner."""
        self.stopping = True
        self.proposing.hurry()
        if self._settling is not None:
            self._settling.cancel()
        self.news.put_nowait(None)

    def pause(self, on: bool) -> None:  # a switch
        """Start nothing more, or go on."""
        self.paused = on
        self._keep_time()
        self.news.put_nowait(None)

    async def cancel(self) -> None:
        """End what runs, at once."""
        tasks = [*self._running, *([self._settling] if self._settling is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    def _fill(self, executor: Executor, *, settled: bool) -> Iterator[events.Event]:
        """Start trials on all free workers; where the planner must have its say first, that is another task's."""
        while len(self._running) < executor.workers and not self._holds:
            if not (settled or self.unfinished or self.proposing.asked):
                self._settle()
                return
            settled = False
            trial = self._next_trial()
            if trial is None:
                return
            self._begin(self._run_trial(trial, executor))
            self.proposing.think()
            yield events.TrialStarted.of(self.record.stored.key, trial)

    def _settle(self) -> None:
        """Let the planner have its say about the next trial, unless there is none."""
        spent = self.record.spent()
        if spent is not None:
            self.stopped_by = spent
        elif self._settling is None and not self._exhausted:
            self._settling = asyncio.create_task(self._settled())
            self._settling.add_done_callback(self.news.put_nowait)

    async def _settled(self) -> None:
        await asyncio.sleep(0)  # a planner without latency gets to speak before the slot is filled
        await self.proposing.settle()

    def _next_trial(self) -> Trial | None:
        """Return the next trial to run, None when the search is over."""
        if self.unfinished:
            return self.unfinished.popleft()
        spent = self.record.spent()
        if spent is None:
            try:
                return self.record.begin(self.proposing.next())
            except SpaceExhaustedError as error:
                spent, self._exhausted = error.message, True
        self.stopped_by = spent
        return None

    def _begin(self, evaluating: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(evaluating)
        self._running.add(task)
        task.add_done_callback(self.news.put_nowait)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Take note of a task's end; its error is the run's."""
        self._running.discard(task)
        if task is self._settling:
            self._settling = None
        if not task.cancelled():
            task.result()
        if self.record.spent() is None:
            finished, give_up = self.record.history.finished, self.record.study.budget.give_up
            self._lost = hopeless(finished, self._ended_before, give_up)

    async def _run_trial(self, trial: Trial, executor: Executor) -> None:
        """Evaluate a trial; one that is lost with its machines ends without a result."""
        try:
            await self._evaluate(trial, executor)
        except LostError as error:
            self.record.lose(trial, error.message)
            self.news.put_nowait(trial_finished(self.record, trial, improved=False))

    async def _evaluate(self, trial: Trial, executor: Executor) -> None:
        """Run what is missing of a trial's evaluations; each is recorded before it is announced."""
        record, seeds = self.record, self.record.study.evaluation.tuning_seeds
        measurements = record.measured(trial)
        watch = (lambda metrics: self._reported(trial, metrics)) if record.study.fidelity else None
        while True:
            position = len(measurements)
            why = suspicion(record.study, record.history, trial, measurements) if position == 1 else ""
            seed = fresh_seed(record.study, trial) if why else seeds[position % len(seeds)]
            measurement = await self._measured(trial, position, seed, executor, watch)
            if why and not holds(record.study, record.history, measurements[0], measurement):
                measurement = quarantined(record.study, why, measurements[0], measurement)
            measurements.append(measurement)
            self._say_once(measurement.notice)
            stored = StoredEvaluation("tune", trial.number, position, seed, measurement)
            if record.enough(trial, measurements):
                improved = record.finish(trial, measurements, stored)
                self.news.put_nowait(evaluated(record, stored))
                self.news.put_nowait(trial_finished(record, trial, improved=improved))
                return
            record.add(stored)
            self.news.put_nowait(evaluated(record, stored))
            if self.stopping:
                return

    async def _measured(
        self, trial: Trial, position: int, seed: int, executor: Executor, watch: Watch | None
    ) -> Measurement:
        """Run one evaluation, as long as it is not far slower than the incumbent where the time is what counts."""
        record = self.record
        limit = time_limit(record.study, record.history, trial)
        try:
            async with asyncio.timeout(limit) as timeout:
                found = await executor.submit(job(record, trial.candidate, seed, trial.number, position), watch)
        except TimeoutError:
            if limit is None or not timeout.expired():
                raise
            return censored(record.study, record.history, limit)
        record.retried += found.retries
        return believed(record.study, found)

    def _say_once(self, notice: str) -> None:
        """Announce what an executor found out about the machine, the first time only."""
        if notice and not self._noticed:
            self._noticed = True
            self.news.put_nowait(events.Notice(study=self.record.stored.key, kind="cleanup", message=notice))

    def _reported(self, trial: Trial, metrics: Mapping[str, float]) -> bool:
        """Take in an intermediate value; return whether to stop the evaluation."""
        found = self.record.reported(trial, metrics)
        if found is None:
            return False
        step, stopped = found
        said = {"trial": trial.number, "step": step, "metrics": dict(metrics), "stopped": stopped}
        self.news.put_nowait(events.IntermediateValue(study=self.record.stored.key, **said))
        return stopped

    def _question(self, asked: bool) -> None:  # a switch
        """Take note that the search waits for a person's answer, or no longer does."""
        self._person_is_asked = asked
        self._keep_time()

    def _keep_time(self) -> None:
        """Count the time of the search: not that in which nothing runs and a person is waited for."""
        waits = self.paused or self._person_is_asked
        self.record.clock.run(bool(self._running) or not waits)
