"""The `[target]` section of a PostgreSQL server: which one, what may be done to it, and the load on it."""

import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import ClassVar, Literal, Self
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...expressions import Value
from ...loop_thread import LoopThread
from ...text import one_line
from ..rendering.wording import Tuned
from ..section import TargetSection, Words
from .connection import require_psycopg
from .taking_home import FORMS, original_entries, written

BuiltIn = Literal["tpcb-like", "simple-update", "select-only"]
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_SCRIPT = re.compile(r"(?P<file>.+?)(?:@(?P<weight>\d+))?")


class Window(BaseModel):
    """A time of day in which a restart is allowed, local time; it may go over midnight."""

    model_config = ConfigDict(frozen=True)

    begins: time
    ends: time

    def holds(self, now: time) -> bool:
        """Whether the window is open."""
        if self.begins <= self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends


class Workload(BaseModel):
    """What pgbench runs against the server: one of its own scripts, or files of the study with weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    builtin: BuiltIn | None = Field(None, description="A script of pgbench itself: 'tpcb-like' where none is given.")
    scripts: list[str] = Field([], description="Script files beside the study, each 'FILE' or 'FILE@WEIGHT'.")
    load: Path | None = Field(None, description="SQL file that fills the private cluster before anything is measured.")
    reset: Path | None = Field(None, description="SQL file that runs before each measurement, not timed.")
    scale: int = Field(10, ge=0, le=100_000, description="pgbench's tables in a private cluster, 16 MB each; 0: none.")
    clients: int = Field(4, ge=1, le=10_000, description="Connections at the same time.")
    threads: int = Field(1, ge=1, le=1024, description="Threads of pgbench.")
    warmup_s: float = Field(2.0, ge=0, le=3600, allow_inf_nan=False, description="Seconds of load that do not count.")
    duration_s: float = Field(10.0, ge=1, le=86400, allow_inf_nan=False, description="Seconds that are measured.")
    protocol: Literal["simple", "extended", "prepared"] = Field("prepared", description="How queries are sent.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.builtin is not None and self.scripts:
            raise ValueError("builtin and scripts exclude each other: keep one")
        if not self.scripts and self.scale == 0:
            raise ValueError("scale = 0 leaves out the tables that pgbench's own scripts need: give scripts")
        return self

    @property
    def files(self) -> list[tuple[str, int]]:
        """The scripts with their weights."""
        found = [_SCRIPT.fullmatch(each) for each in self.scripts]
        return [(match["file"], int(match["weight"] or 1)) for match in found if match is not None]


class Guard(BaseModel):
    """When a measurement is stopped and the server put back at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_factor: float = Field(
        2.0, ge=0, le=1000, allow_inf_nan=False, description="Mean latency, in times of the default's; 0: never."
    )
    errors: int = Field(0, ge=0, description="Failed transactions that are let pass.")
    memory: float = Field(0.9, gt=0, le=1, description="Share of the machine's or the cgroup's memory in use.")


class PostgresqlSection(TargetSection):
    """A PostgreSQL server: a private one that is made and removed, or one that is there, by `dsn`."""

    SETTINGS: ClassVar[str] = "postgresql"
    METRICS: ClassVar[tuple[str, ...]] = (
        "throughput",
        "latency_mean_ms",
        "latency_p95_ms",
        "latency_p99_ms",
        "transactions",
        "errors",
        "wal_bytes",
        "temp_bytes",
        "checkpoints",
        "hit_share",
        "memory_peak_bytes",
    )
    FORMS: ClassVar[Mapping[str, str]] = FORMS

    kind: Literal["postgresql"] = Field(description="A PostgreSQL server.")
    dsn: str | None = Field(
        None, description="Server to tune: 'host=... dbname=...' or a URL, without a password; none: a private cluster."
    )
    binaries: Path | None = Field(None, description="Folder of initdb, pg_ctl and pgbench; the newest that is found.")
    configuration: dict[str, str | int | float | bool] = Field(
        {}, description="Settings of a private cluster beside initdb's own, that are not tuned."
    )
    restart: str | None = Field(
        None, description="'never', 'always' or a window '02:00-04:00'; a server given by dsn: never."
    )
    restart_command: Words | None = Field(
        None, min_length=1, description="Command that restarts a server given by dsn; pg_ctl where none is given."
    )
    allow: list[str] = Field([], description="Settings of durability or replication that may be tuned, by name.")
    workload: Workload = Field(Workload(), description="The load that measures it.")
    guard: Guard = Field(Guard(), description="When a measurement is stopped.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.service is not None:
            raise ValueError("service goes with a command: this kind starts its own server")
        if self.restart not in {None, "never", "always"} and _WINDOW.fullmatch(str(self.restart)) is None:
            raise ValueError(f"restart = {self.restart!r} must be 'never', 'always' or a window like '02:00-04:00'")
        if self.dsn is None and self.restart_command is not None:
            raise ValueError("restart_command goes with a dsn: a private cluster is restarted by pg_ctl")
        if self.dsn is not None:
            self._of_a_server(self.dsn)
        return self

    def _of_a_server(self, dsn: str) -> None:
        if "password" in re.sub(r"\s", "", unquote(dsn)).lower() or re.match(r"\w+://[^/?#]*:[^/?#]*@", dsn):
            raise ValueError("dsn holds a password, which the store would keep: put it into ~/.pgpass or PGPASSWORD")
        if self.configuration:
            raise ValueError("configuration goes with a private cluster: a server given by dsn keeps its own settings")
        if self.workload.load is not None:
            raise ValueError("workload.load goes with a private cluster: fill a server given by dsn yourself")

    def taken_home(self, form: str, configuration: Mapping[str, Value], settings: Mapping[str, Tuned]) -> str:
        """Return a configuration in one of `FORMS`; the way back is that of the server as it is now.

        Raises:
            TrimtabError: that server is out of reach, or has the configuration already.
        """
        original: dict[str, str] = {}
        if form == "revert" and self.dsn is not None:
            require_psycopg()
            units = {name: each.unit for name, each in settings.items()}
            with LoopThread() as thread:
                original = thread.run(original_entries(self.dsn, configuration, units))
        return written(form, configuration, settings, original)

    @property
    def shared(self) -> bool:
        """Whether all workers would change one and the same server."""
        return self.dsn is not None

    @property
    def may_restart(self) -> bool:
        """Whether a restart is ever allowed."""
        return (self.restart or ("never" if self.dsn is not None else "always")) != "never"

    @property
    def window(self) -> Window | None:
        """When a restart is allowed; None where it is not bound to a time."""
        match = _WINDOW.fullmatch(self.restart or "")
        if match is None:
            return None
        hour, minute, until_hour, until_minute = map(int, match.groups())
        return Window(begins=time(hour, minute), ends=time(until_hour, until_minute))

    @property
    def shown(self) -> str:
        """Which server it is, in one line."""
        return "a private PostgreSQL cluster" if self.dsn is None else one_line(self.dsn, 120)
