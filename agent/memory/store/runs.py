"""The registry of runs: which processes run studies, and what is asked of them.

A run is a process of its own. It beats while it lives, and reads its commands; whoever has the store may look and ask.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ....tools.errors import InputError
from ....tools.text import one_line
from .db import StoreError
from .ownership import is_alive, owner_of, this_process
from .schema import COMMANDS, RUNS, STUDIES
from .subject import Subject

RunState = Literal["starting", "running", "paused", "stopping", "ended", "failed", "dead"]
"""'dead': its process has ended without saying so; what it measured is stored."""
SILENT_S = 30.0
"""A run whose process cannot be seen from here is dead after so many seconds without a beat."""
_STARTS_S = 60.0


@dataclass(frozen=True)
class StoredRun:
    """A run. `study` is the key of its study in the store, '' before there is one; `message` is how it ended."""

    id: str
    name: str
    definition: Mapping[str, Any]
    directory: str
    resume: str | None
    study: str
    state: RunState
    message: str
    created: float

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in {"ended", "failed", "dead"}


@dataclass(frozen=True)
class Command:
    """Something that is asked of a run, by whom; `answer` is None until it was answered."""

    number: int
    verb: str
    arguments: Mapping[str, Any]
    by: str
    answer: Mapping[str, Any] | None


class Runs(Subject):
    """The runs in the store."""

    def add_run(
        self, name: str, definition: Mapping[str, Any], directory: str, resume: str | None = None, request: str = ""
    ) -> tuple[StoredRun, bool]:
        """Add a run that is about to start; return it, and whether it is new: a `request` is one run, however often."""
        row = {
            "id": f"run-{secrets.token_hex(4)}",
            "name": name,
            "definition": json.dumps(dict(definition)),
            "directory": directory,
            "resume": resume,
            "request": request or None,
            "state": "starting",
            "message": "",
            "created": time.time(),
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(RUNS).values(row))
        except StoreError as error:
            if not request or not isinstance(error.__cause__, IntegrityError):
                raise
            with self._database.reading() as connection:
                known = connection.execute(select(RUNS).where(RUNS.c.request == request)).one()
            return _run_of(known), False
        return self.run(str(row["id"])), True

    def beat_run(self, run: str, state: RunState, study: str = "", message: str = "") -> None:
        """Say, as its process, that a run lives, or how it ended."""
        values = {"state": state, "heartbeat": time.time(), "owner": this_process().text, "message": message}
        with self._database.writing(power_safe=False) as connection:
            connection.execute(
                update(RUNS).where(RUNS.c.id == run).values(values | ({"study": study} if study else {}))
            )

    def runs(self) -> list[StoredRun]:
        """Return all runs, newest first."""
        with self._database.reading() as connection:
            return [_run_of(row) for row in connection.execute(select(RUNS).order_by(RUNS.c.created.desc()))]

    def run(self, name: str) -> StoredRun:
        """Return the run of an id, or the latest of a study's key or name.

        Raises:
            InputError: there is none.
        """
        wanted = (RUNS.c.id == name) | (RUNS.c.study == name) | (RUNS.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(select(RUNS).where(wanted).order_by(RUNS.c.created.desc()).limit(1)).first()
        if row is None:
            raise InputError(f"no run {one_line(name, 60)!r}", "trimtab runs lists them")
        return _run_of(row)

    def add_command(self, run: str, verb: str, arguments: Mapping[str, Any], by: str) -> int:
        """Ask something of a run; return its number."""
        with self._database.alone() as connection:
            last = connection.execute(select(func.max(COMMANDS.c.number)).where(COMMANDS.c.run == run)).scalar()
            row = {"run": run, "number": (last or 0) + 1, "verb": verb, "arguments": json.dumps(dict(arguments))}
            connection.execute(insert(COMMANDS).values(row | {"by": by[:80], "created": time.time()}))
        return int(row["number"])

    def commands(self, run: str, *, waiting: bool = False) -> list[Command]:
        """Return what was asked of a run, in order; with `waiting` only what was not answered yet."""
        query = select(COMMANDS).where(COMMANDS.c.run == run).order_by(COMMANDS.c.number)
        if waiting:
            query = query.where(COMMANDS.c.answer.is_(None))
        with self._database.reading() as connection:
            return [_command_of(row) for row in connection.execute(query)]

    def command(self, run: str, number: int) -> Command:
        """Return one of a run's commands; raises what the database raises where there is none."""
        with self._database.reading() as connection:
            wanted = (COMMANDS.c.run == run, COMMANDS.c.number == number)
            return _command_of(connection.execute(select(COMMANDS).where(*wanted)).one())

    def answer_command(self, run: str, number: int, answer: Mapping[str, Any]) -> None:
        """Answer a command, as the process of its run."""
        here = (COMMANDS.c.run == run, COMMANDS.c.number == number)
        with self._database.writing() as connection:
            connection.execute(update(COMMANDS).where(*here).values(answer=json.dumps(dict(answer))))


def forget_runs_of(connection: Connection, study_id: int) -> None:
    """Delete the runs of a study, and what was asked of them."""
    key = select(STUDIES.c.key).where(STUDIES.c.id == study_id).scalar_subquery()
    runs = select(RUNS.c.id).where(RUNS.c.study == key)
    connection.execute(delete(COMMANDS).where(COMMANDS.c.run.in_(runs)))
    connection.execute(delete(RUNS).where(RUNS.c.study == key))


def _run_of(row: Any) -> StoredRun:  # a row of the table
    return StoredRun(
        id=row.id,
        name=one_line(row.name),
        definition=json.loads(row.definition),
        directory=row.directory,
        resume=row.resume,
        study=one_line(row.study or ""),
        state=_state_of(row),
        message=one_line(row.message, 500),
        created=row.created,
    )


def _state_of(row: Any) -> RunState:
    """Return the state of a run as it is now: one whose process has gone is dead, whatever it said last."""
    if row.state in {"ended", "failed"}:
        return row.state  # type: ignore[no-any-return]
    if row.owner is None:
        return "dead" if time.time() - row.created > _STARTS_S else "starting"
    alive = is_alive(owner_of(row.owner))
    if alive is None:
        alive = time.time() - (row.heartbeat or 0.0) < SILENT_S
    return row.state if alive else "dead"


def _command_of(row: Any) -> Command:
    answer = json.loads(row.answer) if row.answer is not None else None
    return Command(row.number, row.verb, json.loads(row.arguments), one_line(row.by), answer)
