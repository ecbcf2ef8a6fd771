"""Replaces a file as a whole: its mode, owner and links stay, and a failure leaves what was there."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_text(file: Path, text: str) -> None:
    """Write a file as UTF-8: in one step, and on the disk when this returns. A symlink stays, its target is written.

    A file with several names, or of another owner, keeps them: it is written in place. So are pipes and devices.

    Raises:
        OSError: it cannot be written.
    """
    data = text.encode()
    target = Path(os.path.realpath(file))
    try:
        there = target.stat()
    except FileNotFoundError:
        _swap(target, data, None)
        return
    if not os.access(target, os.W_OK, effective_ids=True):
        raise PermissionError(13, "it is read-only", str(target))
    if not stat.S_ISREG(there.st_mode) or there.st_nlink > 1:
        _overwrite(target, data)
        return
    try:
        _swap(target, data, there)
    except PermissionError:  # the folder may not be changed, or the owner not be given
        _overwrite(target, data)


def _swap(target: Path, data: bytes, there: os.stat_result | None) -> None:
    number, name = tempfile.mkstemp(prefix=".trimtab-", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as out:
            out.write(data)
            out.flush()
            _take_over(out.fileno(), target, there)
            os.fsync(out.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _take_over(number: int, target: Path, there: os.stat_result | None) -> None:
    """Give a new file the owner, the mode and the attributes of the one it replaces."""
    if there is None:
        os.fchmod(number, 0o666 & ~_umask())
        return
    made = os.fstat(number)
    if (made.st_uid, made.st_gid) != (there.st_uid, there.st_gid):
        os.fchown(number, there.st_uid, there.st_gid)
    os.fchmod(number, stat.S_IMODE(there.st_mode))
    with suppress(OSError):  # not every file system has attributes
        for attribute in os.listxattr(target):
            os.setxattr(number, attribute, os.getxattr(target, attribute))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _overwrite(target: Path, data: bytes) -> None:
    with target.open("wb") as out:
        out.write(data)
        out.flush()
        with suppress(OSError):  # pipes and devices have nothing to put on a disk
            os.fsync(out.fileno())
