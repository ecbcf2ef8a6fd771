"""Shows files that only root may read to an evaluation that root started and that runs as nobody.

A study's folder is often private (0700, or files of 0600). Nobody would read nothing of it, and a right to read
everything would show the whole machine. So what is private below a shown path is put there again: a private folder as
a new one with the same entries, a private file as a copy in memory.
"""

import os
import stat
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError

_MAX_LOOKED_AT, _MAX_FILES, _MAX_BYTES = 3_000, 500, 64 << 20
_PASS = stat.S_IROTH | stat.S_IXOTH


@dataclass
class Mounts:
    """Flags for bubblewrap, those that come after all others, and the open files that they name."""

    flags: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    open_files: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Close the open files."""
        while self.open_files:
            os.close(self.open_files.pop())


def show_private(top: Path, mounts: Mounts, besides: Collection[Path] = ()) -> None:
    """Add flags that show what is private at and below `top`, which is already mounted. Looks at 3,000 entries.

    `besides` are folders that are hidden later: what is in them must not be mounted.

    Raises:
        InputError: it is too much to be copied for every evaluation.
    """
    copied, waiting = 0, deque([top])
    looked_at = 0
    while waiting and looked_at < _MAX_LOOKED_AT:
        path = waiting.popleft()
        looked_at += 1
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            entries = _entries(path)
            if status.st_mode & _PASS != _PASS:
                _rebuild(path, entries, mounts)
            below = (path / entry.name for entry in entries if not entry.is_symlink())
            waiting += [each for each in below if each not in besides]
        elif stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IROTH:
            copied += status.st_size
            if copied > _MAX_BYTES or len(mounts.open_files) >= _MAX_FILES:
                raise InputError(
                    f"too much in {top} can be read by root only to be copied for every evaluation",
                    f"chmod -R o+rX {top}, or start trimtab as an ordinary user",
                )
            _copy(path, status, mounts)


def closed_ancestor(path: Path) -> Path | None:
    """Return the topmost folder above `path`, below the root, that only its owner may pass through."""
    for folder in reversed(path.parents[:-1]):
        try:
            if not folder.stat().st_mode & stat.S_IXOTH:
                return folder
        except OSError:
            return None
    return None


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []


def _rebuild(folder: Path, entries: list[os.DirEntry[str]], mounts: Mounts) -> None:
    """Put a folder that everybody may read in the place of a private one; sockets and devices stay away."""
    mounts.flags += ["--perms", "0755", "--tmpfs", str(folder)]
    mounts.last += ["--remount-ro", str(folder)]
    for entry in entries:
        if entry.is_symlink():
            mounts.flags += ["--symlink", str(Path(entry.path).readlink()), entry.path]
        elif entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
            mounts.flags += ["--ro-bind-try", entry.path, entry.path]


def _copy(path: Path, status: os.stat_result, mounts: Mounts) -> None:
    try:
        mounts.open_files.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
    except OSError:  # it went away meanwhile
        return
    mode = "0555" if status.st_mode & stat.S_IXUSR else "0444"
    mounts.flags += ["--perms", mode, "--ro-bind-data", str(mounts.open_files[-1]), str(path)]
