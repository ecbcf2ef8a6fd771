"""Fresh folders for evaluations, removed afterwards, also when an earlier run was killed. Standard library only.

What an evaluation left is hostile: folders of any depth, symlinks, modes, mounts. Removal works by descriptors inside
the folder, follows no link, takes a bounded time, and what it cannot remove it reports and leaves.
"""

import asyncio
import errno
import os
import re
import secrets
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

Report = Callable[[str], None]
"""Takes one line about what could not be removed."""

_LONGEST_S, _LEFTOVERS_S = 60.0, 20.0
_NAME_BEFORE = re.compile(r"trimtab-(\d{1,10})-\w{8}")
"""Of folders made by a trimtab that knew processes by their number only."""
_NAME = re.compile(r"trimtab-([0-9a-f]{6})([0-9a-f]{6})([0-9a-f]{6})-(\d{1,10})-(\d{1,20})-\w{8}")
_NO_PROCESS = "0"
_SEEN_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY


def _unheard(_line: str) -> None:
    pass


@contextmanager
def fresh_directory(report: Report = _unheard) -> Iterator[Path]:
    """Yield an empty folder (below TMPDIR) that is removed on leaving; what stays of it is reported.

    Raises:
        OSError: there is no place for it.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"trimtab-{''.join(_place())}-{os.getpid()}-{_start(os.getpid())}-"))
    made = directory.lstat()
    try:
        yield directory
    finally:
        remove(directory, report, made=(made.st_dev, made.st_ino), until=time.monotonic() + _LONGEST_S)


@asynccontextmanager
async def working_directory(report: Report = _unheard) -> AsyncIterator[Path]:
    """Do what `fresh_directory` does, and remove in a thread; a cancelled caller does not wait for that.

    Raises:
        OSError: there is no place for it.
    """
    manager = fresh_directory(report)
    directory = manager.__enter__()
    try:
        yield directory
    finally:
        await asyncio.shield(asyncio.to_thread(manager.__exit__, None, None, None))


def remove_leftovers(report: Report = _unheard) -> None:
    """Remove the folders of processes that are gone; those that may belong to a living one are left alone."""
    until = time.monotonic() + _LEFTOVERS_S
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            with suppress(OSError):
                if _is_gone(entry.name) and _is_ours(entry):
                    remove(Path(entry.path), report, until=until)


def remove(directory: Path, report: Report, *, until: float, made: tuple[int, int] | None = None) -> None:
    """Remove a folder and everything in it; a link, or another folder than the one that was `made`, is not entered.

    `until` is when to give up, on the monotonic clock. Never raises for what is on the disk.
    """
    try:
        parent = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        _Removal(parent, until, made).run(directory.name)
    except FileNotFoundError:
        return  # the evaluation did it, or a start at the same time
    except OSError as error:
        report(f"{directory} could not be removed ({error.strerror}): remove it by hand")
    finally:
        os.close(parent)


def _place() -> tuple[str, str, str]:
    """Return what tells apart hosts, their starts, and the process namespaces (containers) that share a folder."""
    boot, machine, namespace = "", "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text()
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").readlink().name
    host, start, space = (
        sha256(each.encode()).hexdigest()[:6] for each in (machine + socket.gethostname(), boot, namespace)
    )
    return host, start, space


def _start(pid: int) -> str:
    """Return when a process was started, in clock ticks since the boot; `_NO_PROCESS` when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return _NO_PROCESS


def _is_ours(entry: "os.DirEntry[str]") -> bool:
    return os.geteuid() in {0, entry.stat(follow_symlinks=False).st_uid}


def _is_gone(name: str) -> bool:
    """Whether a folder is an evaluation's whose process has ended, as far as this process can know."""
    if before := _NAME_BEFORE.fullmatch(name):
        return _start(int(before[1])) == _NO_PROCESS
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    host, boot, namespace = _place()
    if found[1] != host:
        return False  # its processes cannot be seen from here
    if found[2] != boot:
        return True
    return found[3] == namespace and _start(int(found[4])) != found[5]


class _Removal:
    """Empties a folder without recursion: folders in it are moved up beside each other before they are emptied.

    So two descriptors are enough at any depth, and there is no way back up that could be diverted.
    """

    def __init__(self, parent: int, until: float, made: tuple[int, int] | None) -> None:
        self.parent, self.until, self.made = parent, until, made
        self.device = 0
        self.trouble: OSError | None = None
        self._moved = secrets.token_hex(8)
        self._count = 0

    def run(self, name: str) -> None:
        """Remove the folder `name` of the parent; raises OSError with why something of it stays."""
        try:
            top = _open_folder(name, self.parent)
        except NotADirectoryError:
            os.unlink(name, dir_fd=self.parent)  # whatever took the folder's place: a link is removed, not followed
            return
        try:
            found = os.fstat(top)
            if self.made is not None and (found.st_dev, found.st_ino) != self.made:
                raise OSError(errno.EBUSY, "another folder has taken its place")
            self.device = found.st_dev
            while not self._is_removed(name, top):
                time.sleep(0.01)  # another start removes it too, and has moved something up in between
        finally:
            os.close(top)

    def _is_removed(self, name: str, top: int) -> bool:
        while self._empty(top, top):
            pass
        try:
            os.rmdir(name, dir_fd=self.parent)
        except OSError as error:
            if error.errno == errno.ENOTEMPTY and self.trouble is None:
                return False
            raise self.trouble or error from None
        return True

    def _empty(self, folder: int, top: int) -> bool:
        """Take out of a folder what can be; return whether anything was."""
        progress = False
        self._check_time()
        with os.scandir(folder) as entries:
            for entry in entries:
                self._check_time()
                try:
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.name, dir_fd=folder)
                        progress = True
                    elif folder == top:
                        progress |= self._remove_below(entry.name, top)
                    else:
                        progress |= self._move_up(entry.name, folder, top)
                except FileNotFoundError:
                    continue
                except TimeoutError:
                    raise
                except OSError as error:
                    self.trouble = error
        return progress

    def _check_time(self) -> None:
        if time.monotonic() > self.until:
            raise TimeoutError(errno.ETIMEDOUT, "it takes too long")

    def _remove_below(self, name: str, top: int) -> bool:
        """Empty one folder of the top and remove it; return whether anything changed."""
        folder = _open_folder(name, top)
        try:
            if os.fstat(folder).st_dev != self.device:
                raise OSError(errno.EBUSY, "something is mounted in it")
            progress = False
            while self._empty(folder, top):
                progress = True
        finally:
            os.close(folder)
        with suppress(OSError):
            os.rmdir(name, dir_fd=top)
            return True
        return progress

    def _move_up(self, name: str, folder: int, top: int) -> bool:
        with suppress(OSError):
            os.rmdir(name, dir_fd=folder)  # an empty one needs no move
            return True
        os.close(_open_folder(name, folder))  # to move a folder, one must be allowed to write it
        self._count += 1
        os.rename(name, f"{self._moved}-{self._count}", src_dir_fd=folder, dst_dir_fd=top)
        return True


def _open_folder(name: str, parent: int) -> int:
    """Open a folder to read and change it, whatever its mode; raises NotADirectoryError for a link or a file."""
    seen = os.open(name, _SEEN_ONLY, dir_fd=parent)
    try:
        if stat.S_IMODE(os.fstat(seen).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(OSError):
                Path(f"/proc/self/fd/{seen}").chmod(stat.S_IRWXU)  # this very folder, not what its name may be by now
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=seen)
    finally:
        os.close(seen)
