"""A database by URL: engine, transactions, and errors in words. Knows nothing of what is stored.

SQLite in WAL mode and PostgreSQL are tested. Writers on SQLite take their turn before they read (BEGIN IMMEDIATE), so
that none finds that what it read has changed when it comes to write.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, Float, bindparam, cast, create_engine, event, func, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ....tools.errors import InputError, TrimtabError

_BUSY_S = 30.0
"""Seconds that a transaction waits for its turn."""
_WRITING = "trimtab_writing"
"""The option of connections that write: SQLite's setting `synchronous`."""
_LOCK = 0x7472696D  # 'trim': any number that nobody else locks


class StoreError(TrimtabError):
    """The store could not be read or written. `reason` is what the database said."""

    reason = ""


class Database:
    """An open database.

    `shown` is its URL without a password, `shared` whether other processes can open it too. `clock` is the time in
    seconds since the epoch, as an expression: the server's, where several machines share one.
    """

    def __init__(self, url: str, *, power_safe: bool = True) -> None:
        """Prepare connections to the database at a SQLAlchemy URL; the first transaction opens one.

        Without `power_safe` SQLite may lose the last transactions in a power cut, not when a process dies.

        Raises:
            InputError: the URL is not usable.
        """
        self.shown = shown_url(url)
        self._engine = _engine(url)
        self._hasty = self._engine.execution_options(**{_WRITING: "NORMAL"})
        self._writer = self._engine.execution_options(**{_WRITING: "FULL"}) if power_safe else self._hasty
        self.dialect = self._engine.dialect.name
        self._file = _file_of(self._engine) if self.dialect == "sqlite" else None
        self._opened: tuple[int, int] | None = None
        self.shared = self.dialect != "sqlite" or bool(self._file)
        self.clock = _clock(self.dialect)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in which the database is, whether they exist or not; none for a server and in memory."""
        if self.dialect != "sqlite":
            return ()
        with self.reading() as connection:
            main = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar_one()
        return tuple(Path(f"{main}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")) if main else ()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def compact(self) -> bool:
        """Give free room back to the disk; returns False where others use the database, or it does so by itself."""
        if self.dialect != "sqlite":
            return False
        pooled = self._engine.raw_connection()
        try:
            pooled.driver_connection.execute("VACUUM")  # type: ignore[union-attr]  # sqlite3's
            pooled.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
        except sqlite3.OperationalError:  # somebody reads or writes; SQLite uses the room itself later
            return False
        finally:
            pooled.close()
        return True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with self._told_in_words(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, power_safe: bool = True) -> Iterator[Connection]:
        """A transaction that is on the disk when it ends, or has not happened.

        Without `power_safe` it survives the end of every process, and a power cut once a later one was power-safe.
        """
        self._check_file()
        with self._told_in_words(), (self._writer if power_safe else self._hasty).begin() as connection:
            yield connection

    def _check_file(self) -> None:
        """Refuse to go on writing into a file that has no name any more: SQLite would, and all of it would be lost."""
        if self._file is None:
            return
        try:
            found = Path(self._file).stat()
        except OSError:
            if self._opened is not None:
                raise StoreError(f"store {self.shown}: its file was removed while it was in use") from None
            return  # it is created by the first transaction
        if self._opened not in {None, (found.st_dev, found.st_ino)}:
            raise StoreError(f"store {self.shown}: its file was replaced while it was in use")
        self._opened = (found.st_dev, found.st_ino)

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A writing transaction that one process has at a time: for tables, and for what depends on all rows."""
        with self.writing() as connection:
            if self.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            yield connection

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            told = StoreError(f"store {self.shown}: {_reason(error)}")
            told.reason = _reason(error)
            raise told from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        hint = "write for example sqlite:////absolute/path.db or postgresql+psycopg://user@host/database"
        raise InputError(f"store {shown_url(url)}: {_reason(error)}", hint) from None
    except OSError as error:
        raise InputError(f"store {shown_url(url)}: {error.strerror}", "see --store") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: _prepare(connection))
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # transactions begin where we say: in _begin
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1e3:.0f}")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new database to WAL mode; SQLite does not wait by itself when others are about to do the same."""
    deadline = time.monotonic() + _BUSY_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    synchronous = connection.get_execution_options().get(_WRITING)
    if synchronous is not None:
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")  # FULL: it survives a power cut
    connection.exec_driver_sql("BEGIN" if synchronous is None else "BEGIN IMMEDIATE")


def _clock(dialect: str) -> ColumnElement[float]:
    if dialect == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
    return bindparam("now", type_=Float, callable_=time.time, unique=True)


def _file_of(engine: Engine) -> str | None:
    file = engine.url.database
    return None if file in {None, "", ":memory:"} or "mode=memory" in str(engine.url) else file


def shown_url(url: str) -> str:
    """Return the URL of a store without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return repr(url[:200])


def _reason(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error)
    return (said.strip().splitlines() or [type(error).__name__])[0]
