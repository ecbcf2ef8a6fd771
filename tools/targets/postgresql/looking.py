"""What a server says of itself: its settings, its place in a cluster of servers, its counters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connection import rows_of, value_of
from .settings import Row

if TYPE_CHECKING:
    from psycopg import AsyncConnection

AUTO_CONF = "postgresql.auto.conf"
_ROWS = "SELECT name, setting, coalesce(unit, ''), vartype, context, source, pending_restart FROM pg_settings"
_ABOUT = (
    "SELECT current_setting('server_version_num')::int, system_identifier::text, timeline_id, pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on',"
    " (SELECT count(*) FROM pg_stat_replication), current_setting('data_directory')"
    " FROM pg_control_system(), pg_control_checkpoint()"
)
_LEAST = "SELECT current_setting('is_superuser') = 'on', pg_is_in_recovery(), current_user"


@dataclass(frozen=True)
class Facts:
    """What decides whether a server may be tuned. `identifier` and `timeline` tell it from another one."""

    version: int
    identifier: str
    timeline: int
    standby: bool
    read_only: bool
    replicas: int
    data: Path

    @property
    def major(self) -> int:
        """The version as people say it: 15."""
        return self.version // 10_000


async def may_look(connection: "AsyncConnection[Any]") -> tuple[bool, bool, str]:
    """Return whether the role is a superuser, whether the server is a standby, and the role."""
    (found,) = await rows_of(connection, _LEAST)
    return bool(found[0]), bool(found[1]), str(found[2])


async def version_of(connection: "AsyncConnection[Any]") -> int:
    """Return the version, as 150004 for 15.4."""
    return int(await value_of(connection, "SHOW server_version_num"))


async def facts_of(connection: "AsyncConnection[Any]") -> Facts:
    """Return the facts; needs a superuser."""
    (found,) = await rows_of(connection, _ABOUT)
    values: list[Any] = [*found]
    return Facts(*[*values[:-1], Path(values[-1])])


async def settings_of(connection: "AsyncConnection[Any]") -> dict[str, Row]:
    """Return `pg_settings` by name."""
    return {row[0]: Row(*row) for row in await rows_of(connection, _ROWS)}


async def auto_conf_of(connection: "AsyncConnection[Any]") -> bytes:
    """Return the bytes of postgresql.auto.conf, the file that ALTER SYSTEM writes."""
    return bytes(await value_of(connection, f"SELECT pg_read_binary_file('{AUTO_CONF}')"))


async def counters_of(connection: "AsyncConnection[Any]", version: int) -> Mapping[str, float]:
    """Return counters that grow: WAL, buffers, temporary files and checkpoints."""
    wal = await value_of(connection, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
    ((hit, read, temp),) = await rows_of(
        connection, "SELECT sum(blks_hit), sum(blks_read), sum(temp_bytes) FROM pg_stat_database"
    )
    new = version >= 170_000
    source = "num_timed + num_requested FROM pg_stat_checkpointer"
    old = "checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter"
    checkpoints = await value_of(connection, f"SELECT {source if new else old}")
    named = {"wal_bytes": wal, "hit": hit, "read": read, "temp_bytes": temp, "checkpoints": checkpoints}
    return {name: float(value or 0) for name, value in named.items()}
