"""A private PostgreSQL server for tests: in a folder of its own, over a socket, run by an ordinary user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 120.0


@contextmanager
def server() -> Iterator[str]:
    """Start a server and yield its URL without a database; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path must be short
    as_user = ordinary_user(folder)
    try:
        said = subprocess.run(
            [program("initdb"), "-D", folder / "data", "-U", "trimtab", "-A", "trust", "--no-sync", "--locale=C.UTF-8"],
            capture_output=True,
            text=True,
            cwd=folder,
            **as_user,
        )
        assert said.returncode == 0, said.stderr
        options = {"unix_socket_directories": folder, "listen_addresses": "", "fsync": "off", "max_connections": 200}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("w") as log:
            command = [program("postgres"), "-D", folder / "data", *settings]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_user)
        try:
            await_ready(folder, process)
            yield f"postgresql+psycopg://trimtab@/{{}}?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)  # ends all sessions, and itself in order
            process.wait(60)
    finally:
        shutil.rmtree(folder)


def ordinary_user(folder: Path) -> dict[str, Any]:
    """Return how to start a process as an ordinary user who owns `folder`: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {each.pw_name: each for each in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def program(name: str) -> Path:
    """Return where a program of PostgreSQL is; Debian keeps them out of the path."""
    found = [Path(each) for each in (shutil.which(name),) if each]
    found += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    assert found, f"no {name}: make test-services installs PostgreSQL"
    return found[0]


def await_ready(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while not (folder / ".s.PGSQL.5432").exists() or "ready to accept" not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
