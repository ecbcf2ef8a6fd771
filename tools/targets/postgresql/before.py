"""How a server was before it was tuned: noted on the disk before the first change, compared at the end."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .looking import Facts
from .settings import Row

NOTE, OURS = "server", "written"
"""The names of the notes: the state before, and for each setting the values that were written."""

_OF_THE_CONNECTION = {
    "application_name",
    "statement_timeout",
    "client_encoding",
    "in_hot_standby",
    "transaction_read_only",
}
"""What differs between connections, or tells of the moment."""


class Before(BaseModel):
    """The bytes of postgresql.auto.conf, and what `pg_settings` said: value, source and whether a restart pended."""

    model_config = ConfigDict(frozen=True)

    content: str
    settings: dict[str, tuple[str, str, bool]]
    identifier: str
    timeline: int
    data: Path
    log: Path | None = None

    @classmethod
    def of(cls, content: bytes, rows: Mapping[str, Row], facts: Facts, log: Path | None) -> "Before":
        """Return the state that was just looked at; `log` is the file into which the server prints."""
        return cls(
            content=b64encode(content).decode(),
            settings=_told(rows),
            identifier=facts.identifier,
            timeline=facts.timeline,
            data=facts.data,
            log=log,
        )

    @property
    def auto_conf(self) -> bytes:
        """The file's bytes."""
        return b64decode(self.content)

    def differing(self, rows: Mapping[str, Row], aside: Iterable[str] = ()) -> list[str]:
        """Return the settings that are not as before, but for those `aside`."""
        now, left = _told(rows), {*aside}
        names = sorted((self.settings.keys() | now.keys()) - left)
        return [name for name in names if self.settings.get(name) != now.get(name)]


def _told(rows: Mapping[str, Row]) -> dict[str, tuple[str, str, bool]]:
    known = {name: row for name, row in rows.items() if name not in _OF_THE_CONNECTION}
    return {name: (row.setting, row.source, row.pending_restart) for name, row in known.items()}
