"""Which studies this store may write: taken by one conditional update, held by a lease that a thread renews.

A lease that ran out may be taken over by another process. Whoever lost one is refused at its next write.
"""

import contextlib
import os
import threading
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from ....tools.errors import InputError
from .db import Database, StoreError
from .ownership import is_alive, owner_of, this_process
from .schema import STUDIES

LEASE_S = 60.0
"""Seconds after which a process that renews its lease no more, on a machine we cannot see, is taken for dead."""
_BEATS = 4
"""Renewals in the time of one lease."""
_ATTEMPTS = 5


class Leases:
    """The studies that one store holds."""

    def __init__(self, database: Database, seconds: float = LEASE_S) -> None:
        self.seconds = seconds
        self._database = database
        self._held: dict[int, str] = {}  # studies, and the owner that stands for each holding
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._until = database.clock + seconds
        ours = (STUDIES.c.id == bindparam("of_study"), STUDIES.c.owner.is_not_distinct_from(bindparam("mine")))
        self._look_up = select(STUDIES.c.id).where(*ours).with_for_update(read=True)
        self._renew = update(STUDIES).where(*ours).values(lease=self._until)
        self._renew_at = update(STUDIES).where(*ours).values(lease=self._until, search_s=bindparam("at_s"))

    def new(self) -> dict[str, Any]:
        """Return the columns of a study that begins its life with us; `keep` it once it is stored."""
        return {"owner": this_process().text, "lease": self._until, "state": "running"}

    def keep(self, study_id: int, owner: str) -> None:
        """Hold a study that was stored as ours, and renew its lease from now on."""
        with self._lock:
            self._held[study_id] = owner
            if len(self._held) == 1 and self._database.shared:
                self._ended = threading.Event()
                threading.Thread(target=self._beat, args=[self._ended], name="trimtab-leases", daemon=True).start()

    def acquire(self, study_id: int) -> None:
        """Become the owner of a study.

        Raises:
            InputError: a living process owns it, this one included, or its lease has not run out.
        """
        for _attempt in range(_ATTEMPTS):
            mine = self.new()
            with self._database.writing() as connection:
                row = self._look(connection, study_id)
                _refuse_if_held(row)
                taking = (
                    update(STUDIES)
                    .where(
                        STUDIES.c.id == study_id,
                        STUDIES.c.owner.is_not_distinct_from(row.owner),
                        STUDIES.c.lease.is_not_distinct_from(row.lease),
                    )
                    .values(mine)
                )
                taken = connection.execute(taking).rowcount == 1
            if taken:
                self.keep(study_id, mine["owner"])
                return
        raise StoreError(f"study {row.key} keeps changing hands", "try again")

    def release(self, study_id: int, state: str) -> None:
        """Give a study up, as 'finished' or 'interrupted'; nothing happens when it is not ours any more."""
        with self._lock:
            owner = self._held.pop(study_id, None)
            if not self._held:
                self._ended.set()
        if owner is None:
            return
        giving = update(STUDIES).where(STUDIES.c.id == study_id, STUDIES.c.owner == owner)
        with self._database.writing() as connection:
            connection.execute(giving.values(owner=None, lease=None, state=state))

    def close(self) -> None:
        """Give all up. What cannot be told to the database any more tells itself when its lease runs out."""
        for study_id in list(self._held):
            with contextlib.suppress(StoreError):
                self.release(study_id, "interrupted")

    def fence(self, connection: Connection, study_id: int, search_s: float | None = None) -> None:
        """Make sure, within a transaction that writes for a study, that nobody else has it until the transaction ends.

        With `search_s`, its search time so far, the study's row is written and the lease renewed by the way.

        Raises:
            StoreError: another process took the study over; the transaction must not go on.
        """
        given: dict[str, object] = {"of_study": study_id, "mine": self._held.get(study_id)}
        if search_s is None:
            ours = connection.execute(self._look_up, given).first() is not None
        else:
            ours = connection.execute(self._renew_at, given | {"at_s": search_s}).rowcount == 1
        if not ours:
            row = self._look(connection, study_id)
            by = owner_of(row.owner) if row.owner else "another process"
            raise StoreError(f"study {row.key} was taken over by {by}", "this run was away for longer than its lease")

    def _look(self, connection: Connection, study_id: int) -> Row[Any]:
        columns = (STUDIES.c.key, STUDIES.c.owner, STUDIES.c.lease, self._database.clock.label("now"))
        return connection.execute(select(*columns).where(STUDIES.c.id == study_id)).one()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(self.seconds / _BEATS):
            held = [{"of_study": study_id, "mine": owner} for study_id, owner in list(self._held.items())]
            # What stands in the way is met by the study's own writes, which say it; here the next beat tries again.
            with contextlib.suppress(StoreError), self._database.writing() as connection:
                for each in held:
                    connection.execute(self._renew, each)


def _refuse_if_held(row: Row[Any]) -> None:
    """Raise InputError when the owner in a row lives, or may live for all that can be seen."""
    if row.owner is None:
        return
    owner = owner_of(row.owner)
    alive = is_alive(owner)
    if alive:
        here = owner.pid == os.getpid()
        by, hint = ("this process", "close its session first") if here else (owner, "wait for it, or stop it")
        raise InputError(f"study {row.key} is being run by {by}", hint)
    left = (row.lease or 0.0) - row.now
    if alive is None and left > 0:
        hint = f"wait for it, or stop it; if it died, its lease runs out in {left:.0f} s"
        raise InputError(f"study {row.key} is being run by {owner}", hint)
