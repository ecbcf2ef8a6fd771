"""The `redis` target: a private server, or one that is there, whose settings are tuned and put back.

A private server gets its settings when it starts, and is started anew where one needs that; one that is there gets them
by CONFIG SET, its file is never written. Everything is asked through redis-cli, the load is redis-benchmark's.
"""

import asyncio
import csv
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..catalogue import load_catalogue
from ..catalogue.units import converted
from ..errors import InputError
from ..expressions import Value
from .base import Candidate, Measurement, TargetError, Watch, Workplace
from .evaluation import Evaluation
from .preparation.hooks import own_environment
from .preparation.programs import ProgramError, kill_those_in, run_program
from .reading.metrics import MetricsError, check_required
from .scratch import remove
from .section import TargetSection

_ASKED_S, _START_S, _STOP_S = 10.0, 20.0, 10.0
_FOLDER, _BEFORE, _WRITTEN, _RUN = "folder", "settings", "written", "run"
"""The notes: a private server's folder; of another the settings before, what was written, and which start it was."""
_COLUMNS = {"rps": "throughput", "avg_latency_ms": "latency_mean_ms", "p99_latency_ms": "latency_p99_ms"}
Test = Literal["set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd", "mset"]


class RedisWorkload(BaseModel):
    """What redis-benchmark runs, one test after the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tests: list[Test] = Field(["set", "get"], min_length=1, description="Its tests; metrics are means over them.")
    requests: int = Field(100_000, ge=100, le=1_000_000_000, description="Requests of each test.")
    clients: int = Field(20, ge=1, le=10_000, description="Connections at the same time.")
    pipeline: int = Field(1, ge=1, le=10_000, description="Requests that are sent without waiting for an answer.")
    bytes: int = Field(64, ge=1, le=1 << 20, description="Size of a value.")
    keys: int = Field(100_000, ge=1, le=1 << 31, description="Different keys.")
    database: int = Field(
        0, ge=0, le=1023, description="Number of a database that is empty, and the study's alone: it is emptied."
    )


class RedisSection(TargetSection):
    """A Redis server: a private one that is made and removed, or one that is there, by `socket` or `port`."""

    SETTINGS: ClassVar[str] = "redis"
    METRICS: ClassVar[tuple[str, ...]] = ("throughput", "latency_mean_ms", "latency_p99_ms", "memory_bytes")

    kind: Literal["redis"] = Field(description="A Redis server.")
    host: str | None = Field(None, description="Host of a server to tune; its password is read from REDISCLI_AUTH.")
    port: int = Field(6379, ge=1, le=65535, description="Its port.")
    socket: Path | None = Field(None, description="Unix socket of a server to tune.")
    configuration: dict[str, str | int | bool] = Field({}, description="Other settings of a private server.")
    allow: list[str] = Field([], description="Settings of durability and the like that may be tuned, by name.")
    workload: RedisWorkload = Field(RedisWorkload(), description="The load that measures it.")

    @property
    def shared(self) -> bool:
        """Whether all workers would change one and the same server, which is there; a private one is made for each."""
        return self.host is not None or self.socket is not None


class RedisTarget:
    """Tunes the settings of one server."""

    Section: ClassVar[type[RedisSection]] = RedisSection
    restore_s = 60.0

    def __init__(self, section: RedisSection, _evaluation: Evaluation, workplace: Workplace) -> None:
        self.section, self.workplace = section, workplace
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._started_with: dict[str, str] | None = None

    async def prepare(self) -> None:
        """See that the programs are there; look at a server that is there, and note how it is.

        Raises:
            InputError: a program is missing, or the server's database is not empty.
            TargetError: the server is out of reach, or lacks a setting.
        """
        for program in ("redis-cli", "redis-benchmark", *(["redis-server"] if not self.section.shared else [])):
            if shutil.which(program) is None:
                raise InputError(f"{program} was not found", "apt-get install redis-server")
        if not self.section.shared:
            return
        number = self.section.workload.database
        if await self._ask("DBSIZE") != "0":
            hint = "name an empty one: [target.workload] database = NUMBER"
            raise InputError(f"database {number} of the server is not empty", hint)
        if "role:master" not in await self._ask("INFO", "replication"):
            raise InputError("the server is a replica", "tune the primary, or a private server")
        restarting = [name for name in self._names if _context(name) == "restart"]
        if restarting:
            raise InputError(
                f"parameters.{restarting[0]}: needs a restart, which only a private server gets", "drop it"
            )
        before = {name: await self._get(name) for name in self._names}
        self.workplace.journal.note(_RUN, await self._run())
        self.workplace.journal.note(_BEFORE, before)

    async def apply(self, candidate: Candidate) -> None:
        """Bring the settings into effect, and see that they are.

        Raises:
            TargetError: the server refuses one, does not start with them, or somebody else has changed one.
        """
        if candidate.patch is not None:
            raise TargetError("a server takes no edit of a program")
        wanted = {name: _text(value, self._unit(name)) for name, value in candidate.configuration.items()}
        if not self.section.shared:
            fixed = {name: text for name, text in wanted.items() if _context(name) == "restart"}
            if self._process is None or self._process.returncode is not None or fixed != self._started_with:
                await self._start(wanted)
                self._started_with = fixed
        else:
            await self._claim(wanted)
        for name, text in wanted.items():
            if _context(name) != "restart":
                await self._set(name, text)
        for name, text in wanted.items():
            found = await self._get(name)
            if found != text:
                raise TargetError(f"not in effect: {name} is {found}, not {text}")

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Run the load once from an empty database; see `Target.measure`. It has no random seed to set."""
        del seed, fidelity, watch
        began = time.monotonic()
        try:
            await self._require_same()
            await self._ask("FLUSHDB", "SYNC")
            printed = await self._benchmark()
            metrics = {**_read(printed), "memory_bytes": float(await self._memory())}
            found = check_required(metrics, required)
        except (TargetError, MetricsError) as error:
            return Measurement(state="failed", reason=str(error), duration_s=time.monotonic() - began)
        return Measurement(state="complete", metrics=found, duration_s=time.monotonic() - began, log=printed)

    async def restore(self) -> None:
        """End and remove a private server; give one that is there its settings back, but for what others changed.

        Raises:
            TargetError: it could not be done.
        """
        await self._end()
        journal = self.workplace.journal
        if journal.notes.get(_FOLDER) is not None:
            self._folder = Path(journal.notes[_FOLDER])
            await self._remove()
        if journal.notes.get(_RUN) is not None:
            if await self._run() == journal.notes[_RUN]:
                await self._put_back()
            else:
                journal.left.append("the server was started anew, or is another one: nothing was written to it")
        for note in (_WRITTEN, _BEFORE, _RUN):
            journal.undone(note)

    async def _put_back(self) -> None:
        """Give a server its settings back, and empty the database that was empty."""
        journal = self.workplace.journal
        before, written = journal.notes.get(_BEFORE, {}), journal.notes.get(_WRITTEN, {})
        for name in written:
            found = await self._get(name)
            if found in {before[name], *written[name]}:
                await self._set(name, before[name])
            else:
                was = f"({found!r}; before {before[name]!r})"
                journal.left.append(f"{name}: left as somebody else set it meanwhile {was}")
        await self._ask("FLUSHDB", "SYNC")

    # A private server

    async def _start(self, wanted: Mapping[str, str]) -> None:
        await self._end()
        if self._folder is None:
            self._folder = Path(tempfile.gettempdir()) / f"trimtab-redis-{time.time_ns():x}"
            self.workplace.journal.note(_FOLDER, str(self._folder))
            self._folder.mkdir(mode=0o700)
        settings = {"port": "0", "unixsocket": str(self._folder / "s"), "dir": str(self._folder), "save": ""}
        settings |= {
            "pidfile": str(self._folder / "pid"),
            **{n: _word(v) for n, v in self.section.configuration.items()},
        }
        settings |= {_own(name): text for name, text in wanted.items()}
        file = self._folder / "redis.conf"
        file.write_text("".join(f'{name} "{text}"\n' for name, text in settings.items()), encoding="utf-8")
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "redis-server",
                str(file),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                env=own_environment(),
            )
        until = time.monotonic() + _START_S
        while True:
            try:
                await self._ask("PING")
            except ProgramError as error:
                if self._process.returncode is not None or time.monotonic() > until:
                    said = (self._folder / "log").read_text(errors="replace").strip().splitlines()
                    raise TargetError(f"the server did not start: {said[-1] if said else error}") from None
                await asyncio.sleep(0.02)
            else:
                return

    async def _end(self) -> None:
        """End the private server of this process, if it runs."""
        process, self._process, self._started_with = self._process, None, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _remove(self) -> None:
        """Remove the folder of a private server; after a kill the server in it may still run."""
        assert self._folder is not None
        await asyncio.to_thread(kill_those_in, self._folder)
        left: list[str] = []
        await asyncio.to_thread(remove, self._folder, left.append, until=time.monotonic() + _STOP_S)
        if left:
            raise TargetError(left[0])
        self._folder = None
        self.workplace.journal.undone(_FOLDER)

    # Asking

    async def _claim(self, wanted: Mapping[str, str]) -> None:
        """Note what will be written beside what was; refuse where somebody else has changed a setting meanwhile."""
        await self._require_same()
        before, written = self.workplace.journal.notes[_BEFORE], self.workplace.journal.notes.get(_WRITTEN, {})
        for name in wanted:
            found = await self._get(name)
            if found not in {before[name], *written.get(name, [])}:
                raise TargetError(f"{name}: changed by somebody else during the study ({found!r}); it is left so")
        both = {name: [text, *written.get(name, [])[:1]] for name, text in wanted.items()}
        self.workplace.journal.replace(_WRITTEN, {**written, **both})

    async def _get(self, name: str) -> str:
        answer = (await self._ask("CONFIG", "GET", _own(name))).split("\n")
        if len(answer) < 2:
            raise TargetError(f"the server has no setting {_own(name)!r}")
        return answer[1]

    async def _set(self, name: str, text: str) -> None:
        await self._ask("CONFIG", "SET", _own(name), text)

    async def _require_same(self) -> None:
        """Raise TargetError where another server answers than the one that was looked at: its data are somebody's."""
        noted = self.workplace.journal.notes.get(_RUN)
        if noted is not None and await self._run() != noted:
            raise TargetError("the server was started anew, or is another one now: nothing was written to it")

    async def _run(self) -> str:
        """Return which start of which server this is."""
        found = [line for line in (await self._ask("INFO", "server")).split("\n") if line.startswith("run_id:")]
        return found[0].partition(":")[2]

    async def _memory(self) -> int:
        found = [line for line in (await self._ask("INFO", "memory")).split("\n") if line.startswith("used_memory:")]
        return int(found[0].partition(":")[2])

    async def _ask(self, *words: str) -> str:
        database = ["-n", str(self.section.workload.database)]
        said = await run_program(["redis-cli", "-e", *self._where, *database, *words], _ASKED_S)
        return said.replace("\r", "").removesuffix("\n")

    async def _benchmark(self) -> str:
        load = self.section.workload
        words = [
            "-t",
            ",".join(load.tests),
            "-n",
            str(load.requests),
            "-c",
            str(load.clients),
            "-P",
            str(load.pipeline),
        ]
        words += ["-d", str(load.bytes), "-r", str(load.keys), "--dbnum", str(load.database), "--csv"]
        return await run_program(["redis-benchmark", *self._where, *words], 3600)

    @property
    def _where(self) -> list[str]:
        socket = self._folder / "s" if self._folder is not None else self.section.socket
        if socket is not None:
            return ["-s", str(socket)]
        return ["-h", str(self.section.host), "-p", str(self.section.port)]

    @property
    def _names(self) -> list[str]:
        return [*self.workplace.wording.settings]

    def _unit(self, name: str) -> str:
        return self.workplace.wording.settings[name].unit


def _own(name: str) -> str:
    """Return a setting's name as Redis writes it."""
    return name.replace("_", "-")


def _context(name: str) -> str:
    knob = load_catalogue("redis").knobs.get(name)
    return "session" if knob is None or knob.context is None else knob.context


def _text(value: Value, unit: str) -> str:
    """Return a value as CONFIG GET says it: bytes where it counts in them."""
    if isinstance(value, int | float) and not isinstance(value, bool) and unit:
        value = converted(float(value), unit, "B") or value
    return _word(value)


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _read(printed: str) -> dict[str, float]:
    """Return what redis-benchmark says, as means over its tests: of the throughput the harmonic one.

    Raises:
        TargetError: it says nothing.
    """
    rows = [row for row in csv.DictReader(printed.splitlines()) if row.get("rps")]
    if not rows:
        raise TargetError(f"redis-benchmark: no results: {printed.strip()[:200]}")
    found = {name: sum(float(row[column]) for row in rows) / len(rows) for column, name in _COLUMNS.items()}
    return {**found, "throughput": len(rows) / sum(1 / float(row["rps"]) for row in rows)}
