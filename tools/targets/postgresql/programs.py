"""PostgreSQL's own programs: where they are, and which user runs a private server."""

import contextlib
import os
import pwd
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError

_NEEDED = ("initdb", "pg_ctl", "pgbench", "psql")


def find_binaries(named: Path | None = None, needed: Sequence[str] = _NEEDED) -> Path:
    """Return the folder of PostgreSQL's programs: the one that is named, else the newest of the system's.

    Raises:
        InputError: they are not there.
    """
    if named is not None:
        folder = named.expanduser()
        missing = [each for each in needed if not (folder / each).is_file()]
        if missing:
            raise InputError(f"target.binaries = '{folder}': there is no {missing[0]} in it", "name another folder")
        return folder
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    folders += sorted(Path("/usr").glob("pgsql-*/bin"), key=_version, reverse=True)
    on_path = shutil.which("initdb") or shutil.which("pgbench")
    folders += [Path(on_path).resolve().parent] if on_path else []
    for folder in folders:
        if all((folder / each).is_file() for each in needed):
            return folder
    raise InputError(
        f"PostgreSQL's programs {', '.join(needed)} were not found",
        "apt-get install postgresql postgresql-contrib, or [target] binaries = '/path/to/bin'",
    )


def _version(folder: Path) -> float:
    found = re.search(r"(\d+(?:\.\d+)?)", folder.parent.name)
    return float(found[1]) if found else 0.0


def owner_for_servers() -> int | None:
    """Return the user that a private server runs as, where this process is root, which PostgreSQL refuses; else None.

    Raises:
        InputError: there is no ordinary user to run it as.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise InputError("PostgreSQL refuses to run as root, and there is no user 'postgres'", "adduser --system postgres")
