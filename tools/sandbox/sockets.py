"""Finds unix sockets in the file system: a connection to one passes any read-only mount and network namespace."""

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_MAX_LOOKED_AT = 3_000


def sockets(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the sockets that programs of this network namespace listen on, and those in `folders`.

    The kernel knows the first by the path that they were bound to; one bound to a relative path, or by a program in a
    container, is found in its folder, among the first 3,000 entries. A path may come twice.
    """
    with suppress(OSError):
        for line in Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]:
            words = line.split(maxsplit=7)
            if len(words) == 8 and words[7].startswith("/") and _is_socket(words[7]):  # columns
                yield Path(words[7]).resolve()
    for folder in folders:
        yield from _below(folder)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def _below(folder: Path) -> Iterator[Path]:
    waiting, looked_at = deque([str(folder)]), 0
    while waiting:
        with suppress(OSError), os.scandir(waiting.popleft()) as entries:
            for entry in entries:
                looked_at += 1
                if looked_at > _MAX_LOOKED_AT:
                    return
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink() and _is_socket(entry.path):
                    yield Path(entry.path)
