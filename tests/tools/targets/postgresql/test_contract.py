"""The contract of targets, for a private cluster and for a server that somebody else set up."""

import tempfile
from pathlib import Path
from typing import ClassVar

import pytest

from tests.somebodys_server import Somebodys
from trimtab.agent.testing import TargetContract
from trimtab.tools.expressions import Value
from trimtab.tools.targets import Evaluation, Wording, Workplace
from trimtab.tools.targets.postgresql.section import PostgresqlSection
from trimtab.tools.targets.postgresql.target import PostgresqlTarget
from trimtab.tools.targets.rendering.wording import Tuned

SETTINGS = {
    "work_mem": Tuned(unit="MB", default=4),
    "shared_buffers": Tuned(unit="MB", default=128),
    "seq_page_cost": Tuned(unit="", default=1.0),
}
LOAD = {"builtin": "select-only", "scale": 1, "clients": 2, "warmup_s": 0, "duration_s": 1}
GOOD: dict[str, Value] = {"work_mem": 64, "shared_buffers": 64, "seq_page_cost": 1.5}


@pytest.mark.usefixtures("installed_postgresql", "own_tmp")
class TestPrivateCluster(TargetContract):
    """Nothing of it is left."""

    good: ClassVar = GOOD
    bad: ClassVar = {**GOOD, "shared_buffers": 1 << 30}
    required: ClassVar = ("throughput", "latency_p99_ms", "wal_bytes")

    @staticmethod
    def build(workplace: Workplace) -> PostgresqlTarget:
        """Return the target."""
        section = PostgresqlSection.model_validate({"kind": "postgresql", "workload": LOAD})
        return PostgresqlTarget(section, Evaluation(), workplace)

    def workplace(self, folder: Path) -> Workplace:
        """Return a workplace with settings to tune."""
        return _with_settings(super().workplace(folder))

    def state(self, folder: Path) -> object:
        """Return the clusters of this process's temporary folder."""
        del folder
        return sorted(Path(tempfile.gettempdir()).glob("trimtab-postgresql-*"))


class TestSomebodys(TargetContract):
    """The server is as before, byte for byte and setting by setting."""

    good: ClassVar = GOOD
    bad: ClassVar = {**GOOD, "shared_buffers": 1 << 30}
    required: ClassVar = ("throughput", "latency_p99_ms", "wal_bytes")
    server: ClassVar[Somebodys]

    @pytest.fixture(autouse=True)
    def _server(self, somebodys: Somebodys) -> None:
        type(self).server = somebodys

    @classmethod
    def build(cls, workplace: Workplace) -> PostgresqlTarget:
        """Return the target."""
        given = {"kind": "postgresql", "dsn": cls.server.dsn, "restart": "always", "workload": LOAD}
        return PostgresqlTarget(PostgresqlSection.model_validate(given), Evaluation(), workplace)

    def workplace(self, folder: Path) -> Workplace:
        """Return a workplace with settings to tune."""
        return _with_settings(super().workplace(folder))

    def state(self, folder: Path) -> object:
        """Return the file and what the server says."""
        del folder
        return self.server.state()


def _with_settings(workplace: Workplace) -> Workplace:
    return Workplace(
        workplace.sandbox,
        workplace.study_directory,
        journal=workplace.journal,
        wording=Wording(settings=SETTINGS),
    )
