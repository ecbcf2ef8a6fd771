"""What every subject of the store works with: one database, and the leases on its studies."""

from .db import Database
from .leases import Leases


class Subject:
    """One subject of the store: its methods are one transaction each, on the disk when they return."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database, self._leases = database, leases
