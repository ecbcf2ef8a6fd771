"""The store of studies, trials and evaluations: the truth from which everything else is rebuilt.

SQLAlchemy over SQLite in WAL mode, or any database by URL. Every method is one transaction, on the disk when it
returns. One process at a time owns a study.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, bindparam, create_engine, delete, event, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ...tools.errors import InputError, TrimtabError
from ..budget import MODEL_RESOURCES, Resource
from ..models.settings import Capability
from ..trials.trial import Trial
from .ownership import is_alive, this_process
from .rows import StoredEvaluation, StoredStudy, evaluation_of, evaluation_row, study_of, trial_of
from .schema import CHAT_ENTRIES, CHATS, ENDPOINTS, EVALUATIONS, MIGRATIONS, MODEL_CALLS, STUDIES, TRIALS, migrate

# Built once: putting a statement together costs more than running it.
_START_TRIAL = insert(TRIALS)
_FINISH_TRIAL = update(TRIALS).where(
    TRIALS.c.study_id == bindparam("of_study"), TRIALS.c.number == bindparam("of_number")
)
_SPEND_TIME = update(STUDIES).where(STUDIES.c.id == bindparam("of_study"))
_ADD_EVALUATION = insert(EVALUATIONS)

_PROPOSAL = ("rationale", "changes", "predicted", "gate", "fidelity", "continues")


class StoreError(TrimtabError):
    """The store could not be read or written."""


class Store:
    """An open store. `shown` is its URL without a password."""

    def __init__(self, url: str, *, power_safe: bool = True) -> None:
        """Open (and create or migrate) the store at a SQLAlchemy URL.

        Without `power_safe` an SQLite store may lose the last transactions in a power cut, not when a process dies.

        Raises:
            InputError: the URL is not usable, or the store was written by a newer version.
        """
        self.shown = _shown(url)
        self._engine = _engine(url, "FULL" if power_safe else "NORMAL")
        try:
            with self._engine.begin() as connection:
                version = migrate(connection)
        except SQLAlchemyError as error:
            raise InputError(f"store {self.shown} cannot be opened: {_reason(error)}", "see --store") from None
        if version > len(MIGRATIONS):
            raise InputError(f"store {self.shown} was written by a newer trimtab", "update trimtab")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"store {self.shown}: {_reason(error)}") from error

    # Studies

    def create_study(
        self, name: str, definition: dict[str, Any], directory: str, traits: str, environment: dict[str, Any]
    ) -> StoredStudy:
        """Add a study, owned by this process, under the first free key NAME-1, NAME-2, ..."""
        with self._transaction() as connection:
            count = connection.execute(select(func.count()).where(STUDIES.c.name == name)).scalar() or 0
            row = {
                "key": f"{name}-{count + 1}",
                "name": name,
                "definition": json.dumps(definition),
                "directory": directory,
                "traits": traits,
                "environment": json.dumps(environment),
                "state": "running",
                "created": time.time(),
                "search_s": 0.0,
                "owner": json.dumps(this_process()),
            }
            connection.execute(insert(STUDIES).values(row))
        return self.study(str(row["key"]))

    def studies(self, name: str | None = None) -> list[StoredStudy]:
        """Return the studies, newest first; those of one name when given."""
        query = select(STUDIES).order_by(STUDIES.c.id.desc())
        if name is not None:
            query = query.where(STUDIES.c.name == name)
        with self._transaction() as connection:
            return [study_of(row) for row in connection.execute(query)]

    def study(self, key_or_name: str) -> StoredStudy:
        """Return the study with this key, else the newest one of this name.

        Raises:
            InputError: there is none.
        """
        with self._transaction() as connection:
            row = connection.execute(select(STUDIES).where(STUDIES.c.key == key_or_name)).first()
        if row is not None:
            return study_of(row)
        found = self.studies(key_or_name)
        if found:
            return found[0]
        keys = ", ".join(study.key for study in self.studies()[:10]) or "none"
        raise InputError(f"no study {key_or_name!r} in the store", f"it has: {keys}")

    def acquire(self, study_id: int) -> None:
        """Make this process the owner of a study.

        Raises:
            InputError: another living process of this machine owns it.
        """
        with self._transaction() as connection:
            row = connection.execute(select(STUDIES.c.key, STUDIES.c.owner).where(STUDIES.c.id == study_id)).one()
            owner = json.loads(row.owner) if row.owner else None
            if owner is not None and owner != this_process() and is_alive(owner):
                where = f"process {owner['pid']} on {owner['host']}"
                raise InputError(f"study {row.key} is being run by {where}", "wait for it, or stop it")
            connection.execute(
                update(STUDIES)
                .where(STUDIES.c.id == study_id)
                .values(owner=json.dumps(this_process()), state="running")
            )

    def release(self, study_id: int, state: str) -> None:
        """Give a study up, as 'finished' or 'interrupted'."""
        with self._transaction() as connection:
            connection.execute(update(STUDIES).where(STUDIES.c.id == study_id).values(owner=None, state=state))

    def set_definition(self, study_id: int, definition: dict[str, Any]) -> None:
        """Replace the definition, after its budget was changed on resume."""
        with self._transaction() as connection:
            values = {"definition": json.dumps(definition)}
            connection.execute(update(STUDIES).where(STUDIES.c.id == study_id).values(values))

    def set_result(self, study_id: int, result: dict[str, Any]) -> None:
        """Keep the final result."""
        with self._transaction() as connection:
            connection.execute(update(STUDIES).where(STUDIES.c.id == study_id).values(result=json.dumps(result)))

    # Trials

    def start_trial(self, study_id: int, trial: Trial) -> None:
        """Record that a trial was started."""
        proposal = {name: value for name in _PROPOSAL if (value := getattr(trial, name))}
        said = {"author": trial.source.author, "patch": trial.candidate.patch}
        proposal |= {name: value for name, value in said.items() if value}
        with self._transaction() as connection:
            connection.execute(
                _START_TRIAL,
                {
                    "study_id": study_id,
                    "number": trial.number,
                    "source": trial.source.label,
                    "configuration": json.dumps(trial.configuration),
                    "proposal": json.dumps(proposal),
                    "state": trial.state,
                    "metrics": "{}",
                    "started": trial.started,
                    "duration_s": 0.0,
                },
            )

    def finish_trial(
        self, study_id: int, trial: Trial, search_s: float, evaluation: StoredEvaluation | None = None
    ) -> None:
        """Record a trial's result, together with its last evaluation and the study's search time so far."""
        details = {name: value for name in ("values", "steps") if (value := getattr(trial, name))}
        with self._transaction() as connection:
            if evaluation is not None:
                connection.execute(_ADD_EVALUATION, evaluation_row(study_id, evaluation))
            connection.execute(
                _FINISH_TRIAL,
                {
                    "of_study": study_id,
                    "of_number": trial.number,
                    "state": trial.state,
                    "metrics": json.dumps(trial.metrics),
                    "reason": trial.reason,
                    "finished": trial.finished,
                    "duration_s": trial.duration_s,
                    "details": json.dumps(details) if details else None,
                },
            )
            connection.execute(_SPEND_TIME, {"of_study": study_id, "search_s": search_s})

    def trials(self, study_id: int) -> list[Trial]:
        """Return the trials of a study in order."""
        query = select(TRIALS).where(TRIALS.c.study_id == study_id).order_by(TRIALS.c.number)
        with self._transaction() as connection:
            return [trial_of(row) for row in connection.execute(query)]

    # Evaluations

    def add_evaluation(self, study_id: int, evaluation: StoredEvaluation, configuration: str | None = None) -> None:
        """Record a finished evaluation. `configuration` (JSON) is given when it is not its trial's own."""
        row = evaluation_row(study_id, evaluation)
        with self._transaction() as connection:
            connection.execute(_ADD_EVALUATION, {**row, "configuration": configuration})

    def purposes(self, study_id: int) -> list[str]:
        """Return the phases of the final check that a study has evaluations of."""
        query = select(EVALUATIONS.c.purpose).distinct()
        query = query.where(EVALUATIONS.c.study_id == study_id, EVALUATIONS.c.purpose != "tune")
        with self._transaction() as connection:
            return list(connection.execute(query).scalars())

    def evaluations(self, study_id: int, purpose: str, trial: int | None = None) -> list[StoredEvaluation]:
        """Return the evaluations of a study for one purpose in order; those of one trial when given."""
        query = select(EVALUATIONS).where(EVALUATIONS.c.study_id == study_id, EVALUATIONS.c.purpose == purpose)
        if trial is not None:
            query = query.where(EVALUATIONS.c.trial == trial)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(EVALUATIONS.c.trial, EVALUATIONS.c.position))
            return [evaluation_of(row) for row in rows]

    # Models

    def add_model_call(self, study_id: int, call: Mapping[str, Any]) -> None:
        """Record one attempted call of a model; `call` has the columns of `model_calls`."""
        with self._transaction() as connection:
            connection.execute(insert(MODEL_CALLS), {"study_id": study_id, "time": time.time(), **call})

    def model_calls(self, study_id: int) -> list[dict[str, Any]]:
        """Return the calls of a study, oldest first."""
        query = select(MODEL_CALLS).where(MODEL_CALLS.c.study_id == study_id).order_by(MODEL_CALLS.c.id)
        with self._transaction() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  # SQLAlchemy's public name

    def spent_on_models(self, study_id: int) -> dict[Resource, float]:
        """Return what a study's calls have cost so far."""
        table = MODEL_CALLS.c
        query = select(
            func.count(), func.sum(table.input_tokens), func.sum(table.output_tokens), func.sum(table.dollars)
        ).where(table.study_id == study_id)
        with self._transaction() as connection:
            row = connection.execute(query).one()
        return {name: float(value or 0) for name, value in zip(MODEL_RESOURCES, row, strict=True)}

    # Conversations

    def create_chat(self) -> str:
        """Begin a conversation and return its key: chat-1, chat-2, ..."""
        with self._transaction() as connection:
            count = connection.execute(select(func.max(CHATS.c.id))).scalar() or 0
            key = f"chat-{count + 1}"
            connection.execute(insert(CHATS), {"key": key, "created": time.time()})
        return key

    def chats(self) -> list[dict[str, Any]]:
        """Return the conversations, newest first."""
        with self._transaction() as connection:
            rows = connection.execute(select(CHATS).order_by(CHATS.c.id.desc()))
            return [dict(row._mapping) for row in rows]  # noqa: SLF001  # SQLAlchemy's public name

    def find_chat(self, key: str) -> str:
        """Return the key of a conversation given as 'chat-3' or '3'.

        Raises:
            InputError: there is none.
        """
        wanted = key if key.startswith("chat-") else f"chat-{key}"
        keys = [str(each["key"]) for each in self.chats()]
        if wanted not in keys:
            raise InputError(f"no conversation {key!r} in the store", f"it has: {', '.join(keys[:10]) or 'none'}")
        return wanted

    def chat(self, key: str) -> dict[str, Any]:
        """Return a conversation."""
        with self._transaction() as connection:
            row = connection.execute(select(CHATS).where(CHATS.c.key == key)).one()
            return dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name

    def update_chat(self, key: str, study: str, mode: str) -> None:
        """Remember a conversation's study and mode."""
        with self._transaction() as connection:
            connection.execute(update(CHATS).where(CHATS.c.key == key).values(study=study, mode=mode))

    def add_chat_entry(self, key: str, role: str, text: str, data: str) -> None:
        """Record an entry of a conversation; `data` is JSON."""
        row = {"chat": key, "role": role, "text": text, "data": data, "time": time.time()}
        with self._transaction() as connection:
            connection.execute(insert(CHAT_ENTRIES), row)

    def chat_entries(self, key: str) -> list[dict[str, Any]]:
        """Return a conversation's entries in order."""
        query = select(CHAT_ENTRIES).where(CHAT_ENTRIES.c.chat == key).order_by(CHAT_ENTRIES.c.id)
        with self._transaction() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  # SQLAlchemy's public name

    def capability(self, endpoint: str) -> Capability | None:
        """Return what an endpoint can do, if that was probed."""
        query = select(ENDPOINTS.c.capability).where(ENDPOINTS.c.endpoint == endpoint)
        with self._transaction() as connection:
            found: Capability | None = connection.execute(query).scalar()
            return found

    def set_capability(self, endpoint: str, capability: Capability) -> None:
        """Remember what an endpoint can do."""
        with self._transaction() as connection:
            connection.execute(delete(ENDPOINTS).where(ENDPOINTS.c.endpoint == endpoint))
            row = {"endpoint": endpoint, "capability": capability, "probed": time.time()}
            connection.execute(insert(ENDPOINTS), row)


def default_url() -> str:
    """Return the URL of the user's store: TRIMTAB_STORE, else a file in the data directory."""
    given = os.environ.get("TRIMTAB_STORE")
    return given or f"sqlite:///{data_directory() / 'trimtab.db'}"


def data_directory() -> Path:
    """Return (and create) the folder of the user's trimtab data."""
    from platformdirs import user_data_path

    return user_data_path("trimtab", appauthor=False, ensure_exists=True)


def _engine(url: str, synchronous: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        hint = "write for example sqlite:////absolute/path.db or postgresql+psycopg://user@host/database"
        raise InputError(f"store {_shown(url)}: {_reason(error)}", hint) from None
    except OSError as error:
        raise InputError(f"store {_shown(url)}: {error.strerror}", "see --store") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: _set_pragmas(connection, synchronous))
    return engine


def _set_pragmas(connection: Any, synchronous: str) -> None:  # a raw database connection
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")  # FULL: a recorded result survives a power cut


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return repr(url[:200])


def _reason(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error)
    return (text.strip().splitlines() or [type(error).__name__])[0]
