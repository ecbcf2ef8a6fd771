"""The Ray executor: evaluations as tasks of a Ray cluster (extra `ray`).

Resubmission, counting and deadlines are `remote`'s; here is how Ray is asked. Ray itself retries nothing.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field

from ...tools.errors import InputError, TrimtabError
from ...tools.sandbox.limits import Size
from ...tools.targets import Measurement
from ..study.executor import ExecutorSection
from .base import Executor, Job, Kind, Site
from .bundle import pack
from .engine import News
from .remote import RemoteExecutor

Answer = TypeVar("Answer")
_ANSWER_S = 60.0
"""How long the cluster may take to answer; an actor or node that died says so earlier."""
_LOOK_S = 5.0
_REACH_S = 10.0
_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""What a cluster of this machine gets of the environment, beside what is Ray's own; keys are not among it."""


_USERS: set[str] = set()
"""The names of the studies for which this process is connected to a cluster: a process has one connection."""


class RaySection(ExecutorSection):
    """A Ray cluster. `evaluation.workers` is how many evaluations may run at a time; the cluster may have less room."""

    RESERVED: ClassVar = frozenset({"CPU", "GPU", "memory", "object_store_memory"})

    kind: Literal["ray"] = Field("ray", description="A Ray cluster.")
    address: str | None = Field(
        None, description="Its address, or 'auto' for that of this machine; left out: one is started here, to try it."
    )
    cpus: float = Field(1.0, ge=0, le=4096, description="CPUs that an evaluation takes up.")
    gpus: float = Field(0.0, ge=0, le=1024, description="GPUs that it takes up, parts of one included.")
    memory: Size | None = Field(None, description="Memory that is set aside for it; limits.memory is what ends it.")
    resources: dict[str, float] = Field({}, description="Resources of the cluster's own that it takes up, by name.")
    labels: dict[str, str] = Field({}, description="Labels that a node must have.")
    exclude: list[str] = Field([], description="Nodes to leave out, by their host names.")
    autoscale: bool = Field(False, description="Ask the cluster's autoscaler for room for all workers.")
    leave_out: list[str] = Field([], description="Names in the study's folder that are not sent, such as '*.bin'.")
    most_mib: float = Field(100.0, gt=0, le=4096, description="The largest folder that is sent, in MiB.")
    keep_s: float = Field(
        3600.0, gt=0, le=30 * 86400, description="How long evaluations go on after trimtab was killed, seconds."
    )


class RayEngine:
    """The engine over a Ray cluster."""

    def __init__(self, section: RaySection, site: Site) -> None:
        """Find out what is to be sent; the cluster is asked at `open`.

        Raises:
            InputError: Ray is not installed, or the study's folder cannot be sent.
        """
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised; a terminal is no log
        logging.getLogger("ray").setLevel(logging.ERROR)
        try:
            import ray
        except ImportError as error:
            raise InputError(f"executor.kind = 'ray' needs Ray: {error}", "pip install 'trimtab[ray]'") from None
        self.ray, self.section, self.site = ray, section, site
        self.bundle = pack(site.study.directory, site.hidden, section.leave_out, section.most_mib)
        wanted = site.study.evaluation.isolation
        self.sandbox_name = "of each worker"
        self.sandbox_guarantees = f"isolation {wanted!r} as each node can; one that is weaker is told"
        self._office: Any = None
        self._under_way: set[str] = set()
        self._gone: list[News] = []
        self._room, self._looked = 1, 0.0

    @property
    def workers(self) -> int:
        """How many evaluations the nodes that are alive have room for."""
        return self._room

    async def open(self) -> Collection[str]:
        """Connect, and find or start the actor that has the study's attempts.

        Raises:
            TrimtabError: there is no cluster at that address, or it does not answer.
        """
        await asyncio.to_thread(self._connect)
        await self._look()
        if self.section.autoscale:
            await asyncio.to_thread(self._ask_for_room, self.site.study.evaluation.workers)
        return await self._enter()

    async def _enter(self) -> Collection[str]:
        from .ray_office import NAMESPACE, Office

        actor = self.ray.remote(Office).options(
            name=self.site.name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=0,
            max_concurrency=100_000,
        )
        self._office = await asyncio.to_thread(actor.remote, self.section.keep_s)
        await self._answer(self._office.take_bundle.remote(self.bundle.digest, self.bundle.data))
        return await self._answer(self._office.open.remote())

    def _connect(self) -> None:
        _USERS.add(self.site.name)
        if self.ray.is_initialized():
            return
        local = self.section.address is None
        try:
            _reach(self.section.address or "")
            with _only(_KEPT) if local else nullcontext():
                self.ray.init(
                    address="local" if local else self.section.address,
                    include_dashboard=False if local else None,
                    log_to_driver=False,
                    configure_logging=False,
                )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = "on this machine" if local else f"at {self.section.address}"
            message = f"no Ray cluster {where}: {next(iter(str(error).splitlines()), '')}"
            raise TrimtabError(message, "see executor.address, and `ray status`") from None

    async def _look(self) -> None:
        """Count the room on the nodes that are alive."""
        self._looked = asyncio.get_running_loop().time()
        nodes = [node for node in await asyncio.to_thread(self.ray.nodes) if node["Alive"] and self._may(node)]
        self._room = sum(self._room_on(node["Resources"]) for node in nodes)

    def _may(self, node: Mapping[str, Any]) -> bool:
        labels = node.get("Labels", {})
        named = node["NodeManagerHostname"] in self.section.exclude
        return not named and all(labels.get(name) == value for name, value in self.section.labels.items())

    def _room_on(self, there: Mapping[str, float]) -> int:
        wanted = {name: amount for name, amount in self._demand().items() if amount > 0}
        return int(min((there.get(name, 0.0) / amount for name, amount in wanted.items()), default=1))

    def _demand(self) -> dict[str, float]:
        """Return what an evaluation takes up, by Ray's names."""
        section = self.section
        named = {"CPU": section.cpus, "GPU": section.gpus, "memory": float(section.memory or 0)}
        return {**named, **section.resources}

    def _ask_for_room(self, workers: int) -> None:
        from ray.autoscaler.sdk import request_resources

        demand = {name: amount for name, amount in self._demand().items() if amount > 0 and name != "memory"}
        request_resources(bundles=[demand] * workers)

    def _options(self) -> dict[str, Any]:
        section = self.section
        selector = dict(section.labels)
        left_out = [
            node["NodeID"]
            for node in self.ray.nodes()
            if node["NodeManagerHostname"] in section.exclude and node["Alive"]
        ]
        if left_out:
            selector["ray.io/node-id"] = f"!in({','.join(left_out)})"
        found: dict[str, Any] = {"num_cpus": section.cpus, "num_gpus": section.gpus, "resources": section.resources}
        found |= {"memory": section.memory} if section.memory else {}
        return found | ({"label_selector": selector} if selector else {})

    async def start(self, attempt: str, job: Job) -> None:
        """Hand a job to the cluster, where it waits for room."""
        sent = job.model_copy(update={"hidden": self.site.hidden, "bundle": self.bundle.digest})
        self._under_way.add(attempt)
        options = self._options()
        await self._answer(self._office.start.remote(attempt, sent.model_dump_json(), sent.bundle, options, job.host))

    async def news(self) -> Sequence[News]:
        """Wait for news. Where the actor died with its node, all that it had is lost, and another one is started."""
        if asyncio.get_running_loop().time() - self._looked > _LOOK_S:
            await self._look()
        try:
            told = await self._answer(self._office.news.remote())
        except self.ray.exceptions.ActorDiedError as error:
            lost = [News(name, "lost", reason=str(error).splitlines()[0]) for name in self._under_way]
            self._under_way.clear()
            await self._enter()
            return lost
        found = [_news(each) for each in told]
        self._under_way -= {each.attempt for each in found if each.kind in {"ended", "lost"}}
        return found

    async def stop(self, attempt: str) -> None:
        """Let an evaluation stop at its next report."""
        await self._answer(self._office.stop.remote(attempt))

    async def cancel(self, attempt: str) -> None:
        """End an attempt."""
        self._under_way.discard(attempt)
        await self._answer(self._office.cancel.remote([attempt]))

    async def forget(self, attempts: Collection[str]) -> None:
        """Let go of results."""
        await self._answer(self._office.forget.remote([*attempts]))

    async def close(self) -> None:
        """End all attempts and the actor, and disconnect; a cluster that was started here ends."""
        if self._office is None:
            return
        office, self._office = self._office, None
        try:
            await self._answer(office.close.remote())
            if self.section.autoscale:
                await asyncio.to_thread(self._ask_for_room, 0)
            await asyncio.to_thread(self.ray.kill, office)
        finally:
            _USERS.discard(self.site.name)
            if not _USERS:
                await asyncio.to_thread(self.ray.shutdown)

    async def _answer(self, asked: Awaitable[Answer]) -> Answer:
        """Return an answer of the cluster.

        Raises:
            TrimtabError: it does not answer.
        """
        try:
            return await asyncio.wait_for(asked, _ANSWER_S)
        except TimeoutError:
            raise TrimtabError(
                f"the Ray cluster has not answered for {_ANSWER_S:g} s", "look at it, --resume"
            ) from None
        except self.ray.exceptions.ActorDiedError:
            raise
        except self.ray.exceptions.RayError as error:
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise TrimtabError(f"the Ray cluster: {first}", "look at `ray status`, then --resume") from None


def _reach(address: str) -> None:
    """Try whether anybody listens at HOST:PORT: Ray itself would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "//" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()


def _news(told: Mapping[str, Any]) -> News:
    measurement = told.get("measurement")
    found = None if measurement is None else Measurement.model_validate_json(measurement)
    return News(**{**told, "measurement": found})


@contextmanager
def _only(names: Collection[str]) -> Iterator[None]:
    """Have nothing else in the environment meanwhile, but for what is Ray's: what is started here inherits it."""
    before = dict(os.environ)
    for name in before:
        if name not in names and not name.startswith(("RAY_", "CUDA_")):
            del os.environ[name]
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        yield
    finally:
        own = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        os.environ.clear()
        os.environ.update(before | own)  # how to talk to the cluster is among it


def build(section: RaySection, site: Site) -> Executor:
    """Return the executor over a Ray cluster.

    Raises:
        InputError: Ray is not installed, or the study's folder cannot be sent.
    """
    return RemoteExecutor(RayEngine(section, site), site)


KIND = Kind(RaySection, build)
