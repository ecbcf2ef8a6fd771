"""What root gives up: an evaluation that root started runs as nobody, without any capability."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NOBODY = 65534
_UNTIL_DROPPED = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH")  # the last to enter its folder


@cache
def drops_root() -> bool:
    """Return whether evaluations change to another user: we are root, and that user exists in our user namespace."""
    return os.geteuid() == 0 and all(_maps_nobody(Path(f"/proc/self/{kind}_map")) for kind in ("uid", "gid"))


def _maps_nobody(table: Path) -> bool:
    rows = [list(map(int, line.split())) for line in table.read_text().splitlines()]
    return any(first <= NOBODY < first + count for first, _outside, count in rows)


def bubblewrap_flags() -> list[str]:
    """Return the flags that leave bubblewrap's own process in the sandbox as little as it needs."""
    if not drops_root():
        return ["--unshare-user", "--cap-drop", "ALL"]
    return ["--cap-drop", "ALL", *(word for name in _UNTIL_DROPPED for word in ("--cap-add", name))]


def dropping(argv: tuple[str, ...]) -> list[str]:
    """Return the command that gives everything up and then becomes `argv`; `argv` itself when we are not root."""
    if not drops_root():
        return list(argv)
    ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *ids, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--", *argv]


@contextmanager
def lent(directory: Path) -> Iterator[None]:
    """Make a working directory and what we put there the evaluation's own, and take the directory back at the end."""
    if not drops_root():
        yield
        return
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            os.chown(Path(folder, name), NOBODY, NOBODY, follow_symlinks=False)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, NOBODY, NOBODY)
        yield
    finally:
        os.fchown(descriptor, 0, 0)
        os.close(descriptor)
