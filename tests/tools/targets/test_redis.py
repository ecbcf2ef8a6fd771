"""The Redis target: the contract, for a private server and for one that somebody else runs, and what it refuses."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trimtab.agent.testing import TargetContract
from trimtab.tools.catalogue import load_catalogue
from trimtab.tools.errors import InputError
from trimtab.tools.expressions import Value
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Journal, TargetError, Wording, Workplace
from trimtab.tools.targets.preparation.lifecycle import Bare
from trimtab.tools.targets.redis import RedisSection, RedisTarget
from trimtab.tools.targets.rendering.wording import Tuned

LOAD = {"requests": 2000, "clients": 4, "tests": ["set", "get"]}
SETTINGS = {
    "hz": Tuned(unit="", default=10),
    "maxmemory": Tuned(unit="MB", default=0),
    "activerehashing": Tuned(unit="", default=True),
}
GOOD: dict[str, Value] = {"hz": 20, "maxmemory": 64, "activerehashing": False}


def cli(socket: Path, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-s", socket, *words], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


@pytest.fixture
def installed_redis() -> None:
    """Redis is there: a private server can be made."""


@pytest.fixture
def somebodys_redis(installed_redis: None) -> Iterator[Path]:
    """Yield the socket of a server with a setting of its administrator's."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket, file = Path(folder) / "s", Path(folder) / "redis.conf"
        file.write_text(f'port 0\nunixsocket {socket}\nsave ""\nhz 12\ndir {folder}\n')
        with started(socket):
            cli(socket, "SET", "precious", "value")
            yield socket


@contextmanager
def started(socket: Path) -> Iterator[None]:
    """Start the server whose configuration is beside its socket."""
    file = socket.with_name("redis.conf")
    with subprocess.Popen(["redis-server", file], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 20
        while not socket.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        yield
        process.terminate()


def state_of(socket: Path) -> object:
    config = cli(socket, "CONFIG", "GET", "*")
    return (
        config,
        socket.with_name("redis.conf").read_bytes(),
        cli(socket, "GET", "precious"),
        cli(socket, "INFO", "keyspace"),
    )


def target_at(folder: Path, settings: dict[str, Tuned] | None = None, **section: Any) -> RedisTarget:
    wording = Wording(settings=SETTINGS if settings is None else settings)
    place = Workplace(choose_sandbox(), folder, journal=Journal(folder / "journal.json"), wording=wording)
    given = {"kind": "redis", "workload": LOAD, **section}
    return RedisTarget(RedisSection.model_validate(given), Evaluation(), place)


class _Contract(TargetContract):
    good: ClassVar = GOOD
    required: ClassVar = ("throughput", "latency_p99_ms", "memory_bytes")
    section: ClassVar[dict[str, Any]] = {}

    @classmethod
    def build(cls, workplace: Workplace) -> RedisTarget:
        """Return the target."""
        return RedisTarget(RedisSection.model_validate({"kind": "redis", **cls.section}), Evaluation(), workplace)

    def workplace(self, folder: Path) -> Workplace:
        """Return a workplace with settings to tune."""
        plain = super().workplace(folder)
        wording = Wording(settings=SETTINGS)
        return Workplace(plain.sandbox, plain.study_directory, journal=plain.journal, wording=wording)


@pytest.mark.usefixtures("installed_redis", "own_tmp")
class TestPrivate(_Contract):
    """Nothing of it is left."""

    bad: ClassVar = {**GOOD, "hz": -1}
    section: ClassVar = {"workload": LOAD}

    def state(self, folder: Path) -> object:
        """Return the folders of such servers."""
        del folder
        return sorted(Path(tempfile.gettempdir()).glob("trimtab-redis-*"))


class TestSomebodys(_Contract):
    """Settings, file and data are as before."""

    bad: ClassVar = {**GOOD, "hz": -1}

    @pytest.fixture(autouse=True)
    def _server(self, somebodys_redis: Path) -> None:
        type(self).section = {"socket": str(somebodys_redis), "workload": {**LOAD, "database": 3}}

    def state(self, folder: Path) -> object:
        """Return all that the server says."""
        del folder
        return state_of(Path(self.section["socket"]))


async def test_values_are_written_with_units_and_read_back(somebodys_redis: Path, tmp_path: Path) -> None:
    target = target_at(tmp_path, socket=str(somebodys_redis), workload={**LOAD, "database": 1})
    await target.prepare()
    await target.apply(Bare(GOOD))
    assert cli(somebodys_redis, "CONFIG", "GET", "maxmemory").split() == ["maxmemory", str(64 << 20)]
    await target.restore()
    assert cli(somebodys_redis, "CONFIG", "GET", "hz").split() == ["hz", "12"]


async def test_a_persons_change_survives(somebodys_redis: Path, tmp_path: Path) -> None:
    target = target_at(tmp_path, socket=str(somebodys_redis), workload={**LOAD, "database": 1})
    await target.prepare()
    await target.apply(Bare(GOOD))
    cli(somebodys_redis, "CONFIG", "SET", "hz", "33")
    with pytest.raises(TargetError, match="hz: changed by somebody else"):
        await target.apply(Bare({**GOOD, "hz": 44}))
    await target.restore()
    assert cli(somebodys_redis, "CONFIG", "GET", "hz").split() == ["hz", "33"]
    assert cli(somebodys_redis, "CONFIG", "GET", "maxmemory").split() == ["maxmemory", "0"]
    assert target.workplace.journal.left == ["hz: left as somebody else set it meanwhile ('33'; before '12')"]


async def test_somebodys_data_are_not_touched(somebodys_redis: Path, tmp_path: Path) -> None:
    before = state_of(somebodys_redis)
    with pytest.raises(InputError, match="database 0 of the server is not empty"):
        await target_at(tmp_path, socket=str(somebodys_redis)).prepare()
    assert state_of(somebodys_redis) == before


async def test_another_server_in_its_place_is_left_alone(somebodys_redis: Path, tmp_path: Path) -> None:
    """After a kill somebody may have started a server of their own there, with data where the study had none."""
    killed = target_at(tmp_path, socket=str(somebodys_redis), workload={**LOAD, "database": 1})
    await killed.prepare()
    await killed.apply(Bare(GOOD))
    cli(somebodys_redis, "SHUTDOWN", "NOSAVE")
    with started(somebodys_redis):
        cli(somebodys_redis, "-n", "1", "SET", "mine", "value")
        found = await killed.measure(1)
        assert "is another one now" in (found.reason or "")
        with pytest.raises(TargetError, match="is another one now"):
            await killed.apply(Bare(GOOD))
        after = target_at(tmp_path, socket=str(somebodys_redis), workload={**LOAD, "database": 1})
        await after.restore()
        assert "nothing was written to it" in after.workplace.journal.left[0]
        assert cli(somebodys_redis, "-n", "1", "GET", "mine") == "value"
        assert cli(somebodys_redis, "CONFIG", "GET", "hz").split() == ["hz", "12"]


async def test_what_needs_a_restart_is_for_private_servers(somebodys_redis: Path, tmp_path: Path) -> None:
    threads = {"io_threads": Tuned(unit="", default=1)}
    load = {**LOAD, "database": 1}
    with pytest.raises(InputError, match="io_threads: needs a restart"):
        await target_at(tmp_path, threads, socket=str(somebodys_redis), workload=load).prepare()
    private = target_at(tmp_path, threads)
    await private.prepare()
    for count in (1, 2):
        await private.apply(Bare({"io_threads": count}))
        assert (await private.measure(1)).state == "complete"
    await private.restore()


async def test_a_replica_is_refused(somebodys_redis: Path, tmp_path: Path) -> None:
    cli(somebodys_redis, "REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(InputError, match="is a replica"):
        await target_at(tmp_path, socket=str(somebodys_redis), workload={**LOAD, "database": 1}).prepare()


@pytest.mark.usefixtures("installed_redis")
async def test_a_server_that_does_not_start_or_is_not_there(tmp_path: Path) -> None:
    target = target_at(tmp_path, configuration={"maxmemory-policy": "nonsense"})
    await target.prepare()
    with pytest.raises(TargetError, match=r"the server did not start: .*"):
        await target.apply(Bare(GOOD))
    await target.restore()
    away = target_at(tmp_path, socket="/nowhere/s")
    with pytest.raises(TargetError, match="Could not connect to Redis at /nowhere/s"):
        await away.prepare()
    await away.restore()


def test_the_catalogue_agrees_with_the_server(somebodys_redis: Path) -> None:
    words = {True: "yes", False: "no"}
    for name, knob in load_catalogue("redis").knobs.items():
        found = cli(somebodys_redis, "CONFIG", "GET", name.replace("_", "-")).split("\n")
        assert len(found) == 2, name
        wanted = words[knob.default] if isinstance(knob.default, bool) else str(knob.default)
        if name != "hz":  # the administrator's
            assert found[1] == wanted, name
        if knob.context == "session" and knob.type == "integer" and knob.unit == "":
            assert knob.minimum is not None
            assert cli(somebodys_redis, "CONFIG", "SET", name.replace("_", "-"), str(int(knob.minimum))) == "OK", name
            below = cli(somebodys_redis, "CONFIG", "SET", name.replace("_", "-"), str(int(knob.minimum) - 1))
            assert below != "OK" or name in {"hz"}, name


_STUDY = """
[study]
name = "cache"
system = "redis"

[target]
kind = "redis"

[target.workload]
requests = 2000

[parameters.hz]
type = "int"
low = 1
high = 100
default = 10

[parameters.io_threads]
type = "int"
low = 1
high = 2
default = 1

[[objectives]]
metric = "throughput"
direction = "maximize"

[evaluation]
check_seeds = [101, 102, 103, 104, 105, 106]

[planner]
name = "offline"

[budget]
trials = 5
"""


@pytest.mark.usefixtures("installed_redis", "own_tmp")
def test_the_installed_program_tunes_a_private_server(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(_STUDY)
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    command = [Path(sys.executable).with_name("trimtab"), "tune", "study.toml"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "5 complete" in done.stdout
    assert not [*Path(tempfile.gettempdir()).glob("trimtab-redis-*")]
