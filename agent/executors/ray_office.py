"""What of the Ray executor runs on the cluster: an actor that has a study's attempts, and the task that runs one.

The actor outlives the process that started it, so that another one finds the attempts again. Where nobody asks it for
news any more, it ends them and itself.
"""

import asyncio
import os
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

import ray

from ...tools.ending import EndingError
from .base import Job
from .bundle import Bundle
from .host import this_host
from .worker import UnfitError, bundles, run_job

NAMESPACE = "trimtab"
BEAT_S = 5.0
"""How often a running task says that it is alive."""
_GRACE_S = 20.0
"""How long a cancelled task may take to end its processes and to restore what it prepared."""

Told = dict[str, Any]
"""Fields of a `News`, as plain data."""


class Office:
    """Starts attempts as Ray tasks, and collects what comes of them; `keep_s` is how long it waits for who asks."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._bundles: dict[str, Any] = {}  # by digest, references to packed folders
        self._tasks: dict[str, Any] = {}  # by attempt, references to what tasks return
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._beats: dict[
            str, tuple[float, str]
        ] = {}  # of attempts that have begun: when they last told, and their host
        self._nodes: dict[str, str] = {}  # by host, Ray's name for it
        self._stopped: set[str] = set()
        self._ended: dict[str, Told] = {}
        self._news: list[Told] = []
        self._something = asyncio.Event()
        self._asked = time.monotonic()
        self._ending: asyncio.Task[None] | None = None

    async def open(self) -> list[str]:
        """Return the names of all attempts; results that nobody has forgotten are told once more."""
        self._asked = time.monotonic()
        self._ending = self._ending or asyncio.create_task(self._end_alone())
        self._news = [*self._ended.values()]
        self._something.set()
        return [*self._tasks, *self._ended]

    async def take_bundle(self, digest: str, data: bytes) -> None:
        """Keep a packed folder for the tasks to come."""
        self._bundles[digest] = ray.put(data)

    async def start(self, attempt: str, job: str, digest: str, options: Mapping[str, Any], host: str) -> None:
        """Start an attempt, on the node of `host` if that is there."""
        known = {} if not host or host not in self._nodes else {"scheduling_strategy": _on(self._nodes[host])}
        office = ray.get_runtime_context().current_actor
        remote = ray.remote(_evaluate).options(**{**options, **known}, max_retries=0, name=attempt)
        self._tasks[attempt] = remote.remote(office, attempt, job, digest, [self._bundles.get(digest)])
        self._watching[attempt] = asyncio.create_task(self._watch(attempt))

    async def _watch(self, attempt: str) -> None:
        """Wait for a task and tell how it ended."""
        task = self._tasks[attempt]
        try:
            told = await task
        except ray.exceptions.OutOfMemoryError as error:  # Ray ends what would take a node down
            told = {"kind": "ended", "measurement": _failed(f"out of memory on its machine: {_first(error)}")}
        except (ray.exceptions.RayError, asyncio.CancelledError) as error:
            told = {"kind": "lost", "reason": _first(error)}
        self._tasks.pop(attempt, None)
        _when, host = self._beats.pop(attempt, (0.0, ""))
        self._stopped.discard(attempt)
        self._watching.pop(attempt, None)
        self._ended[attempt] = {"attempt": attempt, "host": host, **told}
        self._tell(self._ended[attempt])

    async def alive(self, attempt: str, host: str, node: str) -> None:
        """Take in that a task runs, and where."""
        if attempt not in self._beats:
            self._tell({"attempt": attempt, "kind": "alive", "host": host})
        self._beats[attempt], self._nodes[host] = (time.monotonic(), host), node

    async def report(self, attempt: str, metrics: dict[str, float]) -> bool:
        """Take in an intermediate value; return whether the evaluation is to stop."""
        self._tell({"attempt": attempt, "kind": "report", "metrics": metrics})
        return attempt in self._stopped

    async def news(self) -> list[Told]:
        """Wait for news, at most a beat, and return all; among them which attempts are alive."""
        self._asked = time.monotonic()
        if not self._news:
            self._something.clear()
            try:
                await asyncio.wait_for(self._something.wait(), BEAT_S)
            except TimeoutError:
                silent = time.monotonic() - 3 * BEAT_S
                heard = (name for name in self._tasks if self._beats.get(name, (time.monotonic(), ""))[0] > silent)
                self._news += [{"attempt": name, "kind": "alive"} for name in heard]
        found, self._news = self._news, []
        return found

    async def stop(self, attempt: str) -> None:
        """Let the next report of an attempt be answered with a stop."""
        if attempt in self._tasks:
            self._stopped.add(attempt)

    async def cancel(self, attempts: Collection[str]) -> None:
        """End attempts and forget them: gently, so that they restore what they prepared."""
        running = {name: self._tasks[name] for name in attempts if name in self._tasks}
        for task in running.values():
            ray.cancel(task, force=False)
        if running:
            await asyncio.wait([self._watching[name] for name in running], timeout=_GRACE_S)
        for name, task in running.items():
            if name in self._tasks:
                ray.cancel(task, force=True)
        self._forget(attempts)

    async def forget(self, attempts: Collection[str]) -> None:
        """Let go of results."""
        self._forget(attempts)

    async def close(self) -> None:
        """End all attempts."""
        await self.cancel([*self._tasks])

    def _forget(self, attempts: Collection[str]) -> None:
        for attempt in attempts:
            self._ended.pop(attempt, None)

    def _tell(self, told: Told) -> None:
        self._news.append(told)
        self._something.set()

    async def _end_alone(self) -> None:
        """End when nobody has asked for news for `keep_s`."""
        while (left := self._asked + self.keep_s - time.monotonic()) > 0:  # noqa: ASYNC110  # until it is not asked
            await asyncio.sleep(left)
        await self.close()
        ray.actor.exit_actor()


def _evaluate(office: Any, attempt: str, text: str, digest: str, packed: list[Any]) -> Told:
    """Run one attempt on this worker."""
    host, node = this_host(), ray.get_runtime_context().get_node_id()
    ray.get(office.alive.remote(attempt, host, node))
    ended = threading.Event()
    threading.Thread(target=_beat, args=(office, attempt, host, node, ended), daemon=True).start()

    def watch(metrics: Mapping[str, float]) -> bool:
        return bool(ray.get(office.report.remote(attempt, dict(metrics))))

    try:
        job = Job.model_validate_json(text)
        bundle = None
        if digest and not (bundles() / digest).is_dir():  # else it is there already
            bundle = Bundle(digest, ray.get(packed[0]))
        elif digest:
            os.utime(bundles() / digest)
            job = job.model_copy(update={"directory": bundles() / digest})
        found = asyncio.run(run_job(job, bundle, watch if job.watched else None))
    except (OSError, UnfitError, EndingError) as error:
        return {"kind": "lost", "reason": f"{host}: {error}"}
    finally:
        ended.set()
    return {"kind": "ended", "measurement": found.model_dump_json()}


def _beat(office: Any, attempt: str, host: str, node: str, ended: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        office.alive.remote(attempt, host, node)


def _on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=True)


def _failed(reason: str) -> str:
    from ...tools.targets import Measurement

    return Measurement(state="failed", reason=reason).model_dump_json()


def _first(error: BaseException) -> str:
    """Return what kind of error it was and the first line of what it says: Ray's are long."""
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"[:300]
