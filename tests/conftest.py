"""Fixtures that all tests share: a small study, a store of one's own, and no access to the user's data or keys."""

import ctypes
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from tests import ending
from tests import postgresql as postgresql_server
from tests.somebodys_server import Somebodys, somebodys_server
from trimtab.agent.memory.store import Store
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.tools.targets.postgresql.programs import find_binaries

# How long an example takes says something about the machine's load, nothing about the program.
settings.register_profile("trimtab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trimtab")

NOBODY, PR_SET_DUMPABLE = 65534, 4
KEYS = ("TRIMTAB_STORE", "TRIMTAB_MODEL", "TRIMTAB_ENDPOINT", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL")


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return make_study(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A folder of an ordinary user; where the tests run as root, who passes over permissions, they act as nobody."""
    found = Path(tempfile.mkdtemp(dir="/var/tmp"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(found, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self stays root's
    try:
        yield found
    finally:
        if is_root:
            os.seteuid(0)
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        shutil.rmtree(found)


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[str]:
    given = os.environ.get("TRIMTAB_TEST_POSTGRESQL")
    if given:
        yield str(make_url(given).set(database="{}").render_as_string(hide_password=False)).replace("%7B%7D", "{}")
        return
    with postgresql_server.server() as url:
        yield url


@pytest.fixture
def postgresql(_postgresql_server: str) -> Iterator[str]:
    """The URL of an empty database: of a private server, or of the one that TRIMTAB_TEST_POSTGRESQL names."""
    name = f"trimtab_test_{uuid.uuid4().hex}"
    engine = create_engine(_postgresql_server.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield _postgresql_server.format(name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


# The end of a run: no skip that nobody allowed, nothing left behind. Under pytest-xdist the controller looks.

_skipped: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    os.environ[ending.MARK] = str(os.getpid())
    place = Path(tempfile.mkdtemp(prefix="tt-"))  # short: sockets have paths of at most 107 bytes
    place.chmod(0o755)  # evaluations of an ordinary user pass through
    config.stash[_PLACE] = place
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)


@pytest.fixture
def installed_postgresql() -> None:
    """PostgreSQL's programs are there: a private cluster can be made."""
    find_binaries()


@pytest.fixture
def own_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a temporary folder of the test's own, for what counts what it leaves there; its path is short."""
    with tempfile.TemporaryDirectory(prefix="o-") as folder:
        Path(folder).chmod(0o755)  # servers run as somebody else
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.fixture
def somebodys() -> Iterator[Somebodys]:
    """A server that somebody else set up, with three settings made by ALTER SYSTEM."""
    with somebodys_server() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SERVICES & set(getattr(item, "fixturenames", ())):
            item.add_marker("services")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    allowed = ending.allowed_skips(Path(__file__).with_name("allowed_skips.txt"))
    found = [f"skipped, but not allowed: {line}" for line in ending.unexpected(_skipped, allowed)]
    processes = ending.settled(os.environ[ending.MARK])
    found += [f"left behind: process {number} {command}" for number, command in processes.items()]
    found += [f"left behind: folder {name}" for name in ending.leftover_folders(session.config.stash[_PLACE])]
    ending.end(processes)
    if found:
        session.config.stash[_FOUND] = found
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_FOUND, []):
        terminalreporter.write_line(line, red=True)


_SERVICES = {"page", "postgresql", "somebodys", "installed_postgresql", "installed_redis"}
"""Fixtures that need what `make test-services` installs."""

_PLACE, _FOUND = pytest.StashKey[Path](), pytest.StashKey[list[str]]()
