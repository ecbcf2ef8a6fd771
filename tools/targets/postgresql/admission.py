"""What is refused before it is tried: servers not to be tuned, settings not to be changed, too much memory."""

import os
from collections.abc import Mapping
from pathlib import Path

from ...catalogue.units import factor_of
from ...errors import InputError
from ...expressions import Value
from ..base import TargetError
from .looking import Facts
from .section import PostgresqlSection
from .settings import Row, number_of, text_of

SAME_ON_REPLICAS = frozenset(
    {
        "max_connections",
        "max_worker_processes",
        "max_wal_senders",
        "max_prepared_transactions",
        "max_locks_per_transaction",
    }
)
"""A replica stops when one of these is larger on the primary: PostgreSQL's manual, "Hot Standby", 27.4.3."""
_SORTS = 2
"""Sorts and hashes of one query that each take work_mem; an estimate."""


def require_tunable(facts: Facts, settings: Mapping[str, Row]) -> None:
    """Refuse a server that must not be tuned.

    Raises:
        InputError: it is read-only, or another change of its settings waits for a restart.
    """
    if facts.read_only:
        raise InputError("the server is read-only (default_transaction_read_only)", "tune a server that takes writes")
    pending = sorted(name for name, row in settings.items() if row.pending_restart)
    if pending:
        raise InputError(f"{', '.join(pending)}: changed before, waiting for a restart", "restart the server first")


def require_settings(
    units: Mapping[str, str], rows: Mapping[str, Row], facts: Facts, section: PostgresqlSection
) -> None:
    """Refuse parameters that are no settings of this server, or that may not be changed on it; `units` by parameter.

    Raises:
        InputError: the first that is wrong.
    """
    for name, unit in units.items():
        row = rows.get(name)
        if row is None:
            raise InputError(f"parameters.{name}: PostgreSQL {facts.major} has no such setting", "drop the parameter")
        if row.context == "internal":
            raise InputError(f"parameters.{name}: is fixed when the server is built", "drop the parameter")
        if row.needs_restart and not section.may_restart:
            hint = "set [target] restart = 'always' or a window, or drop the parameter"
            raise InputError(f"parameters.{name}: needs a restart of the server, and restart = 'never'", hint)
        if row.vartype in {"integer", "real"} and not _same_kind(unit, row.unit):
            example = "unit = 'ms'" if row.unit in {"us", "ms", "s", "min", "h", "d"} else "unit = 'MB'"
            hint = f"add {example}" if row.unit else "leave unit out"
            raise InputError(
                f"parameters.{name}: unit = {unit!r}, but the server counts in {row.unit or 'numbers'}", hint
            )
        if name in SAME_ON_REPLICAS and facts.replicas:
            raise InputError(
                f"parameters.{name}: {facts.replicas} replicas must have at least the primary's value",
                "drop the parameter: it is changed on replicas first",
            )


def _same_kind(unit: str, counted: str) -> bool:
    """Whether both are amounts of memory, both times, or both none."""
    kinds = ["bytes" if each.endswith("B") else "time" if factor_of(each) else "" for each in (unit, counted)]
    return kinds[0] == kinds[1] and (not unit or factor_of(unit) is not None or kinds[0] == "")


def require_memory(
    configuration: Mapping[str, Value],
    units: Mapping[str, str],
    rows: Mapping[str, Row],
    clients: int,
    most: float,
) -> None:
    """Refuse a configuration that may need more than `most` bytes.

    What is counted is shared_buffers and wal_buffers, two sorts for each client and its parallel workers, and the
    memory of autovacuum. An estimate, on the careful side: what a query really takes is watched while it is measured.

    Raises:
        TargetError: it may.
    """
    known = {name: number_of(row) for name, row in rows.items()}
    for name, value in configuration.items():
        if name in rows and isinstance(value, int | float) and not isinstance(value, bool):
            known[name] = float(value) * (factor_of(units.get(name, "")) or 1.0)
    vacuum = known["autovacuum_work_mem"] if known["autovacuum_work_mem"] > 0 else known["maintenance_work_mem"]
    processes = clients + min(known["max_parallel_workers"], clients * known["max_parallel_workers_per_gather"])
    parts = {
        "shared_buffers": known["shared_buffers"] + max(known["wal_buffers"], 0),
        "work_mem": processes * _SORTS * known["work_mem"] * max(1.0, known.get("hash_mem_multiplier", 1.0)),
        "autovacuum": known["autovacuum_max_workers"] * vacuum,
    }
    needed = sum(parts.values())
    if needed > most:
        told = ", ".join(f"{name} {amount / 1024**2:,.0f} MB" for name, amount in parts.items())
        raise TargetError(f"may need {needed / 1024**2:,.0f} MB of {most / 1024**2:,.0f} MB ({told}): not tried")


def require_disk(configuration: Mapping[str, Value], units: Mapping[str, str], data: Path) -> None:
    """Refuse a max_wal_size for which the disk has no room, twice: a checkpoint may be late.

    Raises:
        TargetError: there is not.
    """
    value = configuration.get("max_wal_size")
    if value is None or isinstance(value, bool | str):
        return
    try:
        free = os.statvfs(data)
    except OSError:  # on another machine, or not ours to see
        return
    room = free.f_bavail * free.f_frsize
    needed = 2 * float(value) * (factor_of(units.get("max_wal_size", "")) or 1024**2)
    if needed > room:
        shown = text_of(value, units.get("max_wal_size", ""))
        raise TargetError(f"max_wal_size = {shown}: twice that is more than the {room >> 20:,} MB free: not tried")
