"""The `postgresql` target: the order of events from the first look at a server to the last."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...catalogue import memory_limit
from ...errors import InputError
from ...expressions import Value
from ..base import LOG_LENGTH, Candidate, Measurement, TargetError, Watch, Workplace
from ..evaluation import Evaluation
from ..reading.metrics import MetricsError, check_required
from ..scratch import working_directory
from . import admission, memory
from .auto_conf import entries_of, merged, write_at_hand
from .before import NOTE, OURS, Before
from .claim import claim, release
from .cluster import Cluster, new_folder
from .connection import ServerError, connected, do, require_psycopg, value_of
from .guarding import Watchman
from .looking import AUTO_CONF, Facts, auto_conf_of, counters_of, facts_of, may_look, settings_of
from .power import Power, log_of
from .preview import Configurations, previewed
from .programs import find_binaries
from .reading_back import read_back
from .section import PostgresqlSection
from .settings import Row, in_effect, statement, text_of
from .undo import Undo, Written, changed_by_others
from .workload import Bench, Loaded, StoppedError

_CLUSTER = "cluster"
"""The note of a private cluster: its folder."""


@dataclass
class _Server:
    """What is known of a server that was looked at. `good` are the entries of its file when it last worked."""

    dsn: str
    bench: Bench
    facts: Facts
    rows: dict[str, Row]
    original: dict[str, str]
    good: Mapping[str, str | None]


class PostgresqlTarget:
    """Tunes the settings of one server."""

    Section: ClassVar[type[PostgresqlSection]] = PostgresqlSection
    restore_s = 300.0

    def __init__(self, section: PostgresqlSection, _evaluation: Evaluation, workplace: Workplace) -> None:
        require_psycopg()
        self.section, self.workplace = section, workplace
        self.power = Power(section)
        self._server: _Server | None = None
        self._configuration: Mapping[str, Value] = {}
        self._default_ms: float | None = None
        self._told = ""

    # Before the first candidate

    async def prepare(self) -> None:
        """Make a private cluster and fill it, or look at the server that is there and note how it is.

        Raises:
            InputError: it must not be tuned, or not with these parameters.
            TargetError: it is out of reach, or cannot be made.
        """
        binaries = find_binaries(self.section.binaries)
        dsn = self.section.dsn
        if dsn is None:
            cluster = self.power.cluster = Cluster(new_folder(), binaries)
            self.workplace.journal.note(_CLUSTER, str(cluster.folder))
            await cluster.make({name: _word(value) for name, value in self.section.configuration.items()})
            await cluster.start()
            dsn = cluster.dsn
        bench = Bench(self.section.workload, binaries, dsn, self.workplace.study_directory)
        if self.power.cluster is not None:
            await bench.fill()
        await self._look(dsn, bench)
        if self.power.cluster is None:
            await self._require_tables(dsn)

    async def _look(self, dsn: str, bench: Bench) -> None:
        async with connected(dsn) as connection:
            superuser, standby, role = await may_look(connection)
            if standby:
                raise InputError("the server is a standby", "tune the primary, or a clone of it")
            if not superuser:
                hint = "connect as one; on a managed service, tune a private cluster and apply its result by hand"
                raise InputError(f"the role {role!r} is no superuser: it may not change settings", hint)
            facts = await facts_of(connection)
            if self.power.cluster is None:
                await claim(dsn, facts.identifier)
            rows, content = await settings_of(connection), await auto_conf_of(connection)
        admission.require_tunable(facts, rows)
        admission.require_settings(self.units, rows, facts, self.section)
        self.power.log = log_of(facts.data)
        if self.power.cluster is None:
            before = Before.of(content, rows, facts, self.power.log)
            self.workplace.journal.note(NOTE, before.model_dump(mode="json"))
        self._told = self._other_defaults(rows)
        original = entries_of(content)
        good = {name: original.get(name) for name in self.units}
        self._server = _Server(dsn, bench, facts, rows, original, good)

    def _other_defaults(self, rows: Mapping[str, Row]) -> str:
        """Return a line about defaults that are not what the server has now: everything is compared with them."""
        other = [
            f"{name} = {text_of(value, self.units[name])}, the server has {rows[name].shown}"
            for name, value in self._default.items()
            if not in_effect(text_of(value, self.units[name]), rows[name])
        ]
        return f"the study's default is not what the server has now: {'; '.join(other)}" if other else ""

    async def _require_tables(self, dsn: str) -> None:
        if self.section.workload.files:
            return
        async with connected(dsn) as connection:
            if not await value_of(connection, "SELECT to_regclass('pgbench_accounts') IS NOT NULL"):
                hint = "pgbench -i -s 10 DATABASE makes them; or give [target.workload] scripts"
                raise InputError("the database has no tables of pgbench, which workload.builtin needs", hint)

    def preview(self, configurations: Configurations) -> AsyncIterator[str]:
        """Yield what would be done to the server, line by line; nothing is."""
        return previewed(self.section, self.units, configurations)

    # Each candidate

    async def apply(self, candidate: Candidate) -> None:
        """Write a configuration, reload or restart, and see that it is in effect.

        Raises:
            TargetError: it is refused, the server does not come up with it, or it is not in effect.
        """
        if candidate.patch is not None:
            raise TargetError("a server takes no edit of a program")
        await self._apply(candidate.configuration)

    async def _apply(self, configuration: Mapping[str, Value]) -> None:
        server = self._there()
        self._admit(configuration, server)
        wanted = self._texts(configuration, server)
        async with connected(server.dsn) as connection:
            rows, now = await settings_of(connection), entries_of(await auto_conf_of(connection))
            restarting = _restarting(wanted, now, rows)
            if restarting:
                self.power.require(restarting)
        self._note(wanted, now, server)
        self._configuration = {}
        try:
            async with connected(server.dsn) as connection:
                for name, text in wanted.items():
                    if now.get(name) != text:
                        await do(connection, statement(name, text))
                await value_of(connection, "SELECT pg_reload_conf()")
            if restarting:
                await self.power.restart(server.facts.data)
                await self._claim_again(server)
            await read_back(server.dsn, wanted)
        except TargetError as error:
            await self._go_back(server, error)
            raise
        server.good, self._configuration = wanted, dict(configuration)

    async def _claim_again(self, server: _Server) -> None:
        """A restart has ended the connection by which the server was claimed."""
        if self.power.cluster is None:
            await claim(server.dsn, server.facts.identifier)

    def _admit(self, configuration: Mapping[str, Value], server: _Server) -> None:
        """Raise TargetError for a configuration that the machine cannot hold."""
        most = self.section.guard.memory * memory_limit()
        clients = self.section.workload.clients
        admission.require_memory(configuration, self.units, server.rows, clients, most)
        admission.require_disk(configuration, self.units, server.facts.data)

    def _texts(self, configuration: Mapping[str, Value], server: _Server) -> dict[str, str | None]:
        """Return what the file must say of each parameter; of an inactive one, what it said before."""
        return {
            name: text_of(configuration[name], unit) if name in configuration else server.original.get(name)
            for name, unit in self.units.items()
        }

    def _note(self, wanted: Mapping[str, str | None], now: Mapping[str, str], server: _Server) -> None:
        """Note what will be written, beside what was written before it: a kill may come between.

        Raises:
            TargetError: somebody else has changed one of the settings meanwhile.
        """
        if self.power.cluster is not None:
            return
        written: Written = self.workplace.journal.notes.get(OURS, {})
        theirs = wanted.keys() & changed_by_others(server.original, now, written)
        for name in sorted(theirs):
            raise TargetError(f"{name}: changed by somebody else during the study ({now.get(name)!r}); it is left so")
        last = {name: values[:1] for name, values in written.items()}
        self.workplace.journal.replace(OURS, {name: [text, *last.get(name, [])] for name, text in wanted.items()})

    async def _go_back(self, server: _Server, error: TargetError) -> None:
        """Write the settings with which the server last worked, and bring it up with them.

        Raises:
            TargetError: it does not come up with those either.
        """
        try:
            async with connected(server.dsn) as connection:
                now = entries_of(await auto_conf_of(connection))
                for name, text in server.good.items():
                    await do(connection, statement(name, text))
                await value_of(connection, "SELECT pg_reload_conf()")
                rows = await settings_of(connection)
        except ServerError:  # it is down
            await self._raise_it(server, error)
        else:
            if _restarting(server.good, now, rows):
                await self.power.restart(server.facts.data)
        await self._claim_again(server)

    async def _raise_it(self, server: _Server, error: TargetError) -> None:
        data = server.facts.data
        entries = {name: text for name, text in server.good.items() if text is not None}
        try:
            write_at_hand(data, merged((data / AUTO_CONF).read_bytes(), server.good, entries))
            await self.power.start(data)
        except (TargetError, OSError) as again:
            raise TargetError(f"{error.message}; with the settings before it: {again}") from None

    # Measuring

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Run the load once; see `Target.measure`. It reports no intermediate values."""
        del fidelity, watch
        began = time.monotonic()
        try:
            await self._know_the_default(seed)
            loaded, counted = await self._loaded(seed, self._default_ms)
        except StoppedError as error:
            configuration, self._configuration = self._configuration, {}
            if configuration != self._default:
                await self._apply(self._default)  # at once: the server may be somebody's
            return _failed(f"{error.message}", began)
        except TargetError as error:
            return _failed(error.message, began)
        if self._configuration == self._default:
            self._default_ms = loaded.mean
        metrics = {
            "throughput": loaded.throughput,
            "latency_mean_ms": loaded.mean,
            "latency_p95_ms": loaded.p95,
            "latency_p99_ms": loaded.p99,
            "transactions": float(loaded.transactions),
            "errors": float(loaded.errors),
            **counted,
        }
        try:
            found = check_required(metrics, required)
        except MetricsError as error:
            return _failed(str(error), began)
        log, notice, self._told = loaded.log[-LOG_LENGTH:], self._told, ""
        took = time.monotonic() - began
        return Measurement(state="complete", metrics=found, duration_s=took, log=log, notice=notice)

    async def _know_the_default(self, seed: int) -> None:
        """Measure the default where the guard needs its latency and a resumed run does not know it."""
        configuration = self._configuration
        if not self.section.guard.latency_factor or self._default_ms is not None or configuration == self._default:
            return
        await self._apply(self._default)
        loaded, _ = await self._loaded(seed, None)
        self._default_ms = loaded.mean
        await self._apply(configuration)

    async def _loaded(self, seed: int, default_ms: float | None) -> tuple[Loaded, Mapping[str, float]]:
        """Run the load from the same state each time; return what it gave and what the server counted."""
        server, load = self._there(), self.section.workload
        watchman = Watchman(self.section.guard, default_ms, memory.postmaster_of(server.facts.data))
        await server.bench.reset()
        async with connected(server.dsn) as connection:
            if not load.files:
                await do(connection, "VACUUM pgbench_branches, pgbench_tellers")
                await do(connection, "TRUNCATE pgbench_history")
            await do(connection, "CHECKPOINT")
        async with working_directory() as folder:
            if load.warmup_s:
                (folder / "warm").mkdir()
                await server.bench.run(load.warmup_s, seed + 1, folder / "warm", watchman)
            before = await self._counters(server)
            loaded = await server.bench.run(load.duration_s, seed, folder, watchman)
            after = await self._counters(server)
        grown = {name: after[name] - before[name] for name in after}
        blocks = grown.pop("hit") + (read := grown.pop("read"))
        share = {"hit_share": 1 - read / blocks} if blocks > 0 else {}
        peak = {"memory_peak_bytes": float(watchman.peak)} if watchman.peak else {}
        return loaded, {**grown, **share, **peak}

    async def _counters(self, server: _Server) -> Mapping[str, float]:
        async with connected(server.dsn) as connection:
            return await counters_of(connection, server.facts.version)

    # At the end

    async def restore(self) -> None:
        """Remove a private cluster; put back a server that was there, but for what others changed meanwhile.

        Raises:
            TargetError: it could not be put back.
        """
        journal = self.workplace.journal
        folder = journal.notes.get(_CLUSTER)
        if folder is not None:
            cluster = self.power.cluster or Cluster(Path(folder), find_binaries(self.section.binaries))
            await cluster.remove()
            self.power.cluster, self._server = None, None
            journal.undone(_CLUSTER)
        if journal.notes.get(NOTE) is not None and self.section.dsn is not None:
            undo = Undo(self.section.dsn, self.power)
            try:
                await undo.run(journal)
            finally:
                journal.left += undo.left
        if self._server is not None:
            release(self._server.facts.identifier)
            self._server = None

    # What the study says

    @property
    def units(self) -> Mapping[str, str]:
        """The tuned settings with the units of their values."""
        return {name: each.unit for name, each in self.workplace.wording.settings.items()}

    @property
    def _default(self) -> dict[str, Value]:
        settings = self.workplace.wording.settings
        return {name: each.default for name, each in settings.items() if each.default is not None}

    def _there(self) -> _Server:
        if self._server is None:
            raise TargetError("the server was not prepared")
        return self._server


def _restarting(wanted: Mapping[str, str | None], now: Mapping[str, str], rows: Mapping[str, Row]) -> list[str]:
    """Return the settings that only a restart brings into effect; for the server, dropping an entry is a change too."""
    return [
        name
        for name, text in wanted.items()
        if rows[name].needs_restart and (name in now if text is None else not in_effect(text, rows[name]))
    ]


def _word(value: Value) -> str:
    return text_of(value, "")


def _failed(reason: str, began: float) -> Measurement:
    return Measurement(state="failed", reason=reason, duration_s=time.monotonic() - began)
