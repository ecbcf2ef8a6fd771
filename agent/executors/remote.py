"""Runs jobs through an engine on other machines: attempts are numbered and noted first, lost ones submitted again.

Two kinds of failure are kept apart. What the configuration does (exit code, memory, timeout) is a measurement. What
happens to a machine is a lost attempt, submitted again at most `RESUBMISSIONS` times, of which no optimizer hears.
Times are those of this process: what clocks elsewhere say matters nowhere.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import NoReturn

from ...tools.errors import TrimtabError
from ...tools.targets import Measurement, Watch
from ..trials.attempt import Attempt
from .base import Job, Site
from .engine import Engine, LostError, News

RESUBMISSIONS = 2
SILENCE_S = 60.0
"""An attempt of which the engine says nothing for so long is lost."""
_LOOKS = 4
"""How often silence is looked for in that time."""


class _GoneError(Exception):
    """An attempt is lost; its text says why."""


@dataclass(eq=False)
class _Waiting:
    """Somebody who waits for an attempt's result. `heard` is when the engine last told of it."""

    attempt: Attempt
    watch: Watch | None
    result: asyncio.Future[Measurement]
    heard: float
    host: str = ""
    stopped: bool = False


@dataclass(eq=False)
class RemoteExecutor:
    """The executor over an engine; `silence_s` is how long it may say nothing of an attempt.

    An attempt that an earlier process submitted is taken up where the engine still has it.
    """

    engine: Engine
    site: Site
    silence_s: float = SILENCE_S
    close_s: float = 60.0
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _given_up: dict[str, Attempt] = field(default_factory=dict)
    _left: dict[tuple[str, int, int, int], Attempt] = field(default_factory=dict)
    _delivered: set[str] = field(default_factory=set)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _early: dict[str, News | None] = field(default_factory=dict)
    _serving: asyncio.Task[None] | None = None
    _failed: BaseException | None = None
    _closed: bool = False

    @property
    def workers(self) -> int:
        """How many jobs the engine has room for now, at most as many as the study wants."""
        return max(1, min(self.engine.workers, self.site.study.evaluation.workers))

    @property
    def sandbox_name(self) -> str:
        """The sandbox of the workers."""
        return self.engine.sandbox_name

    @property
    def sandbox_guarantees(self) -> str:
        """What it guarantees there."""
        return self.engine.sandbox_guarantees

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Run a job, on another machine each time that one is lost.

        Raises:
            LostError: it was lost more often than that.
            TrimtabError: the engine cannot be reached.
        """
        await self._open()
        first = Attempt(job.purpose, job.trial, job.position, job.seed)
        for lost in range(RESUBMISSIONS + 1):
            left = self._left.pop(first.evaluation, None)
            try:
                return await self._attempted(left or self._next(first), job, watch, taken_up=left is not None)
            except _GoneError as error:
                if lost == RESUBMISSIONS:
                    _give_up(str(error))
        raise AssertionError

    def _next(self, first: Attempt) -> Attempt:
        return Attempt(*first.evaluation, number=self.site.attempts.last(first) + 1)

    async def _attempted(self, attempt: Attempt, job: Job, watch: Watch | None, *, taken_up: bool) -> Measurement:
        """Run one attempt and return its result."""
        name, loop = attempt.named(self.site.name), asyncio.get_running_loop()
        waiting = self._waiting[name] = _Waiting(attempt, watch, loop.create_future(), loop.time())
        log = self.site.attempts
        try:
            if not taken_up:
                log.begin(attempt)  # before anything can run that nobody knows of
                await self.engine.start(name, job.model_copy(update={"watched": watch is not None}))
            elif (early := self._early.pop(name, None)) is not None:
                await self._told(early)
            measurement = await waiting.result
        except _GoneError:
            self._given_up[name] = attempt
            log.end(attempt, "lost", waiting.host)
            await self.engine.cancel(name)  # it may only have been out of reach
            raise
        except asyncio.CancelledError:
            log.end(attempt, "cancelled", waiting.host)
            with contextlib.suppress(TrimtabError):  # an engine out of reach is told by whoever listens to it
                await self.engine.cancel(name)
            raise
        finally:
            del self._waiting[name]
        self._delivered.add(name)
        return measurement.model_copy(update={"host": measurement.host or waiting.host, "attempt": attempt.number})

    async def _open(self) -> None:
        """Get in touch with the engine, the first time, and find out what it has of an earlier process."""
        async with self._opening:
            if self._failed is not None:
                raise self._failed
            if self._serving is not None or self._closed:
                return
            there = {*await self.engine.open()}
            for attempt in self.site.attempts.running():
                if attempt.named(self.site.name) in there:
                    self._left[attempt.evaluation] = attempt
                else:
                    self.site.attempts.end(attempt, "lost")
            left = {attempt.named(self.site.name) for attempt in self._left.values()}
            for name in sorted(there - left):
                await self.engine.cancel(name)
            self._early = dict.fromkeys(left)
            self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        """Listen and look until one of them fails; whoever waits for a result gets the error."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._failed = next(iter(done)).exception()
            for waiting in self._waiting.values():
                if self._failed is not None and not waiting.result.done():
                    waiting.result.set_exception(self._failed)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        """Hand on what the engine tells."""
        while True:
            for news in await self.engine.news():
                await self._told(news)

    async def _told(self, news: News) -> None:
        waiting = self._waiting.get(news.attempt)
        if waiting is None:
            if news.attempt in self._early and news.kind in {"ended", "lost"}:
                self._early[news.attempt] = news
            self._late(news)
            return
        waiting.heard = asyncio.get_running_loop().time()
        waiting.host = news.host or waiting.host
        if waiting.result.done():
            return
        match news.kind:
            case "report" if waiting.watch is not None and not waiting.stopped:
                waiting.stopped = waiting.watch(news.metrics)
                if waiting.stopped:
                    await self.engine.stop(news.attempt)
            case "ended" if news.measurement is not None:
                waiting.result.set_result(news.measurement)
            case "lost":
                waiting.result.set_exception(_GoneError(news.reason))

    def _late(self, news: News) -> None:
        """Keep a result that comes after its attempt was given up. It never counts: another attempt does."""
        attempt = self._given_up.get(news.attempt)
        if attempt is not None and news.kind == "ended":
            del self._given_up[news.attempt]
            self._delivered.add(news.attempt)
            self.site.attempts.end(attempt, "late", news.host, news.measurement)

    async def _look(self) -> None:
        """Give up attempts of which nothing is heard, and let the engine forget those whose results are stored."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.silence_s / _LOOKS)
            for waiting in self._waiting.values():
                if not waiting.result.done() and loop.time() - waiting.heard > self.silence_s:
                    waiting.result.set_exception(_GoneError(f"nothing was heard of it for {self.silence_s:g} s"))
            kept = {attempt.named(self.site.name) for attempt in self.site.attempts.running()}
            done = self._delivered - kept
            if done:
                self._delivered -= done
                await self.engine.forget(done)

    async def close(self) -> None:
        """End what runs and let go of the engine.

        Raises:
            TrimtabError: the engine cannot be reached; what ran there ends by itself.
        """
        async with self._opening:
            if self._closed:
                return
            self._closed = True
            if self._serving is not None:
                self._serving.cancel()
                await asyncio.gather(self._serving, return_exceptions=True)
            for attempt in self._left.values():
                self.site.attempts.end(attempt, "cancelled")
            await self.engine.close()


def _give_up(reason: str) -> NoReturn:
    times = f"{RESUBMISSIONS + 1} times"
    raise LostError(f"an evaluation was lost {times}, the last time: {reason}", "look at the cluster, then --resume")
