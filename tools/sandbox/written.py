"""How much an evaluation has written into its folder: bytes on the disk and entries, whatever their depth and modes."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_LONG, _MOST_OPEN = 2_000, 64
_BLOCK = 512
_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY


@dataclass
class Written:
    """What was found. `hidden` is whether there was more that could not be looked at."""

    size: int = 0
    entries: int = 0
    hidden: bool = False


def written(folder: Path, *, most_bytes: int, most_entries: int) -> Written:
    """Count what is in `folder`; stops when it is more than either limit. Links are not followed."""
    found, starts = Written(), list[int]()
    with suppress(OSError):
        starts.append(os.open(folder, _FOLDER))
    while starts:
        start = starts.pop()
        try:
            _count(start, found, starts, most_bytes, most_entries)
        finally:
            os.close(start)
        if found.size > most_bytes or found.entries > most_entries or found.hidden:
            for left in starts:
                os.close(left)
            break
    return found


def _count(start: int, found: Written, starts: list[int], most_bytes: int, most_entries: int) -> None:
    """Count below an open folder; folders whose path from it grows too long for the kernel are opened as new starts."""
    waiting = ["."]
    while waiting:
        path = waiting.pop()
        for entry in _entries(f"/proc/self/fd/{start}/{path}", most_entries + 1):
            found.entries += 1
            with suppress(OSError):
                found.size += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
            if found.size > most_bytes or found.entries > most_entries:
                return
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{path}/{entry.name}")
        if waiting and len(waiting[-1]) > _LONG:
            _open_all(start, waiting, found, starts)


def _open_all(start: int, waiting: list[str], found: Written, starts: list[int]) -> None:
    for path in [path for path in waiting if len(path) > _LONG]:
        waiting.remove(path)
        if len(starts) >= _MOST_OPEN:
            found.hidden = True
            return
        with suppress(OSError):
            starts.append(os.open(path, _FOLDER, dir_fd=start))


def _entries(path: str, most: int) -> list["os.DirEntry[str]"]:
    """Return the first entries of a folder of the evaluation's; one that it has closed to itself is opened before."""
    for again in (False, True):
        try:
            with os.scandir(path) as entries:
                return list(islice(entries, most))
        except PermissionError:
            if again or not _unlock(path):
                return []
        except OSError:
            return []
    return []


def _unlock(path: str) -> bool:
    try:
        seen = os.open(path, _FOLDER)
    except OSError:
        return False
    try:
        mode = stat.S_IMODE(os.fstat(seen).st_mode)
        Path(f"/proc/self/fd/{seen}").chmod(mode | stat.S_IRUSR | stat.S_IXUSR)
    except OSError:
        return False
    finally:
        os.close(seen)
    return True
