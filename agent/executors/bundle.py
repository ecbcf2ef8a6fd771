"""The folder of a study as one piece of data, named by its content: for jobs that run where the folder is not."""

import contextlib
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ...tools.errors import InputError

KEPT_S = 14 * 86400.0
"""How long an unpacked folder that nobody uses is kept, seconds: longer than an evaluation may take."""
LEFT_OUT = (".git", ".hg", ".venv", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache")
"""Names of what no evaluation needs."""


@dataclass(frozen=True)
class Bundle:
    """A packed folder: a tar archive, and its SHA-256. Equal folders have equal bundles, whenever they were written."""

    digest: str
    data: bytes


def pack(folder: Path, hidden: Collection[Path] = (), leave_out: Collection[str] = (), most_mib: float = 100) -> Bundle:
    """Pack a study's folder, without what evaluations must not see, and without names that match `leave_out`.

    Raises:
        InputError: a file cannot be read, or all are larger than `most_mib` MiB together.
    """
    out_of_sight = {path.resolve() for path in hidden}
    packed, size = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in _inside(folder, out_of_sight, (*LEFT_OUT, *leave_out)):
            try:
                entry = archive.gettarinfo(path, str(path.relative_to(folder)))
                if not (entry.isreg() or entry.isdir() or entry.issym()):
                    continue  # sockets and the like are nothing to send
                size += entry.size
                if size > most_mib * (1 << 20):
                    message = f"the study's folder is larger than {most_mib:g} MiB, at {path.relative_to(folder)}"
                    raise InputError(message, "name what evaluations do not need in executor.leave_out")
                entry.uid = entry.gid = entry.mtime = 0
                entry.uname = entry.gname = ""
                if entry.isreg():
                    with path.open("rb") as file:
                        archive.addfile(entry, file)
                else:
                    archive.addfile(entry)
            except OSError as error:
                message = f"{path} cannot be sent to workers: {error.strerror or error}"
                raise InputError(message, "make it readable, or name it in executor.leave_out") from None
    data = packed.getvalue()
    return Bundle(hashlib.sha256(data).hexdigest(), data)


def unpacked(bundle: Bundle, root: Path) -> Path:
    """Return the folder below `root` that holds the content of a bundle; it is unpacked if it is not there yet.

    Any number of processes may do so at once: what stands under the final name is whole.

    Raises:
        ValueError: the data is not what its name says.
        OSError: there is no room, or no right to write.
    """
    if hashlib.sha256(bundle.data).hexdigest() != bundle.digest:
        raise ValueError("the study's folder did not arrive as it was sent")
    folder = root / bundle.digest
    if folder.is_dir():
        os.utime(folder)
        return folder
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(root)
    made = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=root))
    try:
        with tarfile.open(fileobj=io.BytesIO(bundle.data)) as archive:
            archive.extractall(made, filter="tar")
        made.chmod(0o755)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _remove_old(root: Path) -> None:
    """Remove what was not used for so long that nothing uses it."""
    for each in root.iterdir():
        with contextlib.suppress(OSError):  # another process does the same
            if time.time() - each.stat().st_mtime > KEPT_S:
                shutil.rmtree(each, ignore_errors=True)


def _inside(folder: Path, hidden: Collection[Path], leave_out: Collection[str]) -> Iterator[Path]:
    """Yield what is in a folder, in an order that depends on names only; links are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path = Path(entry.path)
        wanted = not any(fnmatchcase(entry.name, pattern) for pattern in leave_out)
        if wanted and path.resolve() not in hidden:
            yield path
            if entry.is_dir(follow_symlinks=False):
                yield from _inside(path, hidden, leave_out)
