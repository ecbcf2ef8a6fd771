"""A target on somebody's server, with a journal that another target can take up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.somebodys_server import Somebodys
from trimtab.tools.expressions import Value
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Journal, Wording, Workplace
from trimtab.tools.targets.postgresql.section import PostgresqlSection
from trimtab.tools.targets.postgresql.target import PostgresqlTarget
from trimtab.tools.targets.preparation.lifecycle import Bare
from trimtab.tools.targets.rendering.wording import Tuned

LOAD = {"builtin": "select-only", "clients": 1, "warmup_s": 0, "duration_s": 1}
WORK_MEM = {"work_mem": Tuned(unit="MB", default=4)}


def target_on(
    server: Somebodys, folder: Path, settings: Mapping[str, Tuned] | None = None, **section: Any
) -> PostgresqlTarget:
    """Return a target of a server, that may be restarted unless `section` says otherwise."""
    given = {"kind": "postgresql", "dsn": server.dsn, "restart": "always", "workload": LOAD, **section}
    wording = Wording(settings=dict(settings or WORK_MEM))
    journal = Journal(folder / "journal.json")
    place = Workplace(choose_sandbox(), folder, journal=journal, wording=wording)
    return PostgresqlTarget(PostgresqlSection.model_validate(given), Evaluation(), place)


def tried(**values: Value) -> Bare:
    """Return a candidate."""
    return Bare(values)
