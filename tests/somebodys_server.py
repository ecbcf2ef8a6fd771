"""A PostgreSQL server that somebody set up before trimtab came: with settings made by ALTER SYSTEM."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.postgresql import ordinary_user, program
from trimtab.tools.targets.postgresql.cluster import new_folder

ADMINISTRATORS = {"work_mem": "5MB", "log_min_duration_statement": "250ms", "random_page_cost": "1.7"}
"""What the administrator set: one of them is tuned by the tests."""
_PATIENCE_S = 60.0


@dataclass
class Somebodys:
    """The server. Its folder and programs belong to an ordinary user where the tests run as root."""

    folder: Path
    user: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def dsn(self) -> str:
        """How to reach it."""
        return f"host={self.folder} user=trimtab dbname=postgres"

    @property
    def file(self) -> Path:
        """Where ALTER SYSTEM writes."""
        return self.data / "postgresql.auto.conf"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; a statement without rows gives none."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def state(self) -> dict[str, object]:
        """Return the bytes of its file and all settings with their sources, as they are once a reload has settled."""
        self.await_ready()
        rows = self.ask("SELECT name, setting, source, sourceline, pending_restart FROM pg_settings ORDER BY name")
        return {"file": self.file.read_bytes(), **{row[0]: row[1:] for row in rows}}

    def control(self, *words: str) -> None:
        """Run pg_ctl."""
        command = [program("pg_ctl"), "-D", self.data, "-s", "-w", "-l", self.folder / "log", *words]
        subprocess.run(command, check=True, cwd=self.folder, timeout=_PATIENCE_S, **self.user)

    def start(self) -> None:
        """Start it for the first time."""
        options = {"unix_socket_directories": self.folder, "listen_addresses": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("w") as log:
            os.chown(log.fileno(), self.user.get("user", -1), -1)
            command = [program("postgres"), "-D", self.data, *settings]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self.user)
        self.await_ready()

    def kill(self) -> None:
        """Kill it as the kernel does where memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Stop it and remove its folder."""
        if (self.data / "postmaster.pid").exists():
            with contextlib.suppress(subprocess.CalledProcessError):  # it was killed and left that file behind
                self.control("stop", "-m", "immediate")
        if self.process is not None:
            self.process.wait(_PATIENCE_S)
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def await_ready(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                self.ask("SELECT 1")
                return
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)


@contextmanager
def replica_of(server: Somebodys) -> Iterator[Somebodys]:
    """Start a standby of a server, that replicates; it is gone afterwards."""
    folder = new_folder().with_name(f"replica-{new_folder().name[-8:]}")
    folder.mkdir(mode=0o700)
    replica = Somebodys(folder, ordinary_user(folder))
    try:
        words = ["-D", replica.data, "-R", "-X", "stream", "-c", "fast", "-d", server.dsn]
        subprocess.run([program("pg_basebackup"), *words], check=True, capture_output=True, cwd=folder, **replica.user)
        replica.start()
        until = time.monotonic() + _PATIENCE_S
        while not server.ask("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        yield replica
    finally:
        replica.end()


@contextmanager
def somebodys_server() -> Iterator[Somebodys]:
    """Start such a server, with tables of pgbench; it is gone afterwards."""
    folder = new_folder().with_name(f"somebodys-{new_folder().name[-8:]}")
    folder.mkdir(mode=0o700)
    server = Somebodys(folder, ordinary_user(folder))
    try:
        command = [
            program("initdb"),
            "-D",
            server.data,
            "-U",
            "trimtab",
            "-A",
            "trust",
            "--no-sync",
            "--locale=C.UTF-8",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **server.user)
        server.start()
        for name, value in ADMINISTRATORS.items():
            server.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        server.ask("SELECT pg_reload_conf()")
        bench = [program("pgbench"), "-i", "-q", "-s", "1", "-h", folder, "-U", "trimtab", "postgres"]
        subprocess.run(bench, check=True, capture_output=True, cwd=folder)
        yield server
    finally:
        server.end()
