"""Engines of this process, on whatever clock its event loop has: for tests of what uses engines, and simulations.

`Cluster` runs jobs as functions, and outlives those who are in touch with it; `FaultyEngine` is a bad line to it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...tools.targets import Measurement
from .base import Job
from .engine import Engine, News

Compute = Callable[[Job], tuple[float, Measurement]]
"""Returns how long a job takes, in seconds, and what is measured."""


@dataclass(eq=False)
class Cluster:
    """Machines that run jobs: `size` of them, one job each. `ran` counts the ends of each attempt."""

    compute: Compute
    size: int
    beat_s: float = 5.0
    ran: Counter[str] = field(default_factory=Counter)
    results: dict[str, News] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    busy_s: float = 0.0
    _lines: set[asyncio.Queue[News]] = field(default_factory=set)
    _free: list[int] = field(init=False)
    _room: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Start with all machines free."""
        self._free = list(range(self.size))
        self._room = asyncio.Semaphore(self.size)

    def tell(self, news: News) -> None:
        """Tell whoever is in touch."""
        for line in self._lines:
            line.put_nowait(news)

    def take(self, attempt: str, job: Job) -> None:
        """Run a job when a machine is free."""
        task = asyncio.create_task(self._run(attempt, job))
        self.running[attempt] = task
        task.add_done_callback(lambda _task: self.running.pop(attempt, None))

    async def _run(self, attempt: str, job: Job) -> None:
        async with self._room:
            machine = self._free.pop()
            try:
                host = f"machine-{machine}"
                self.tell(News(attempt, "alive", host))
                seconds, measurement = self.compute(job)
                await asyncio.sleep(seconds)
                self.busy_s += seconds
            finally:
                self._free.append(machine)
        self.ran[attempt] += 1
        self.results[attempt] = News(attempt, "ended", host, measurement=measurement)
        self.tell(self.results[attempt])

    def end(self, attempt: str, lost: str = "") -> None:
        """End an attempt; it is told as lost where a reason is given."""
        if attempt in self.running:
            self.running[attempt].cancel()
            if lost:
                self.tell(News(attempt, "lost", reason=lost))


@dataclass(eq=False)
class SimulatedEngine:
    """A line to a cluster of this process."""

    cluster: Cluster
    sandbox_name: str = "none"
    sandbox_guarantees: str = "functions of this process: nothing is isolated or limited"
    _line: asyncio.Queue[News] = field(default_factory=asyncio.Queue)

    @property
    def workers(self) -> int:
        """The machines of the cluster."""
        return self.cluster.size

    async def open(self) -> Collection[str]:
        """Get in touch."""
        self.cluster._lines.add(self._line)  # noqa: SLF001  # the cluster's other half
        for known in self.cluster.results.values():
            self._line.put_nowait(known)
        return [*self.cluster.running, *self.cluster.results]

    async def start(self, attempt: str, job: Job) -> None:
        """Take a job."""
        self.cluster.take(attempt, job)

    async def news(self) -> Sequence[News]:
        """Wait for news; where there are none for a while, that everything is alive."""
        try:
            async with asyncio.timeout(self.cluster.beat_s):
                found = [await self._line.get()]
        except TimeoutError:
            return [News(attempt, "alive") for attempt in self.cluster.running]
        while not self._line.empty():
            found.append(self._line.get_nowait())
        return found

    async def stop(self, attempt: str) -> None:
        """Functions are not stopped."""

    async def cancel(self, attempt: str) -> None:
        """End an attempt."""
        self.cluster.end(attempt)
        self.cluster.results.pop(attempt, None)

    async def forget(self, attempts: Collection[str]) -> None:
        """Let go of results."""
        for attempt in attempts:
            self.cluster.results.pop(attempt, None)

    async def close(self) -> None:
        """End everything."""
        for attempt in [*self.cluster.running]:
            self.cluster.end(attempt)
        self.cluster.results.clear()
        self.hang_up()

    def hang_up(self) -> None:
        """Be gone like a process that was killed: the cluster goes on."""
        self.cluster._lines.discard(self._line)  # noqa: SLF001


class FaultyEngine:
    """An engine behind a line that delays, doubles and drops results, and loses machines.

    `faults` gives the chance of each: 'delay' (by `delay_s`), 'double', 'drop', 'kill' (the machine, and nobody says
    so). An evaluation meets at most `most` faults that cost an attempt, so that none is lost for good.
    """

    def __init__(
        self, inner: Engine, faults: Mapping[str, float], *, seed: int = 0, delay_s: float = 90.0, most: int = 2
    ) -> None:
        self.inner, self.faults, self.delay_s, self.most = inner, faults, delay_s, most
        self.sandbox_name, self.sandbox_guarantees = inner.sandbox_name, inner.sandbox_guarantees
        self.met: Counter[str] = Counter()
        self._costly: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._gone: set[str] = set()
        self._delayed: list[tuple[float, News]] = []

    @property
    def workers(self) -> int:
        """Those of the engine."""
        return self.inner.workers

    async def open(self) -> Collection[str]:
        """Get in touch."""
        return await self.inner.open()

    async def start(self, attempt: str, job: Job) -> None:
        """Take a job, and perhaps lose its machine."""
        await self.inner.start(attempt, job)
        if self._strikes("kill", attempt):
            self._gone.add(attempt)
            await self.inner.cancel(attempt)

    async def news(self) -> Sequence[News]:
        """Return what gets through."""
        found = await self.inner.news()
        now = asyncio.get_running_loop().time()
        through = [news for when, news in self._delayed if when <= now]
        self._delayed = [each for each in self._delayed if each[0] > now]
        for news in found:
            if news.attempt in self._gone:
                continue
            if news.kind != "ended":
                through.append(news)
            elif self._strikes("drop", news.attempt):
                self._gone.add(news.attempt)
            elif self._strikes("delay", news.attempt):
                self._delayed.append((now + self.delay_s, news))
            else:
                through += [news] * (2 if self._strikes("double", news.attempt, costly=False) else 1)
        return through

    def _strikes(self, fault: str, attempt: str, *, costly: bool = True) -> bool:
        evaluation = attempt.rpartition("/")[0]
        if self._rng.random() >= self.faults.get(fault, 0.0) or (costly and self._costly[evaluation] >= self.most):
            return False
        self._costly[evaluation] += costly
        self.met[fault] += 1
        return True

    async def stop(self, attempt: str) -> None:
        """Hand it on."""
        await self.inner.stop(attempt)

    async def cancel(self, attempt: str) -> None:
        """Hand it on."""
        await self.inner.cancel(attempt)

    async def forget(self, attempts: Collection[str]) -> None:
        """Hand it on."""
        await self.inner.forget(attempts)

    async def close(self) -> None:
        """Hand it on."""
        await self.inner.close()
