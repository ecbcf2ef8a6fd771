"""The store of studies, trials, calls, conversations and lessons: the truth from which everything else is rebuilt.

SQLAlchemy over SQLite in WAL mode, or any database by URL. Every method is one transaction, on the disk when it
returns (a trial's start alone need not outlive a power cut: what it began is repeated anyway). Each subject has a
module of its own; `Store` is all of them over one database.
"""

import os
import weakref

from ...place import data_directory
from ...user_file import user_file
from .attempts import Attempts
from .calls import Calls
from .chats import Chats
from .db import Database, StoreError
from .leases import LEASE_S, Leases
from .lessons import Lessons
from .migrations import migrate
from .runs import Runs
from .studies import Studies
from .texts import Texts
from .trials import Trials

__all__ = ["Store", "StoreError", "data_directory", "default_url"]


class Store(Studies, Trials, Calls, Chats, Lessons, Texts, Runs, Attempts):
    """An open store. `shown` is its URL without a password, `files` where it is on this machine's disk."""

    def __init__(self, url: str, *, power_safe: bool = True, lease_s: float = LEASE_S) -> None:
        """Open (and create or migrate) the store at a SQLAlchemy URL.

        Without `power_safe` an SQLite store may lose the last transactions in a power cut, not when a process dies.
        A study that this store owns is free for other machines `lease_s` seconds after the last sign of life.

        Raises:
            InputError: the URL is not usable, or the store was written by a newer version.
        """
        database = Database(url, power_safe=power_safe)
        migrate(database)
        super().__init__(database, Leases(database, lease_s))
        self.shown, self.files = database.shown, database.files
        self._end = weakref.finalize(self, _close, database, self._leases, os.getpid())

    def close(self) -> None:
        """Give up the studies that are still owned, as interrupted, and close all connections.

        Happens by itself when the store is forgotten, and at the end of the process.
        """
        self._end()


def _close(database: Database, leases: Leases, opened_by: int) -> None:
    if os.getpid() == opened_by:  # a forked child has copies of the connections, which are not its own to close
        leases.close()
        database.close()


def default_url() -> str:
    """Return the URL of the user's store: TRIMTAB_STORE, the user's file, else a file in the data directory."""
    given = os.environ.get("TRIMTAB_STORE") or user_file().store
    return given or f"sqlite:///{data_directory() / 'trimtab.db'}"
