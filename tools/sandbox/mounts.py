"""What an evaluation sees of the file system: read-only, the private parts hidden, its own folder writable.

Each place is a path with a kind. The longer of two paths wins, whatever its kind; of equal ones, what the study shows
wins over what is hidden by default, and what the caller hides wins over everything.
"""

import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .limits import Limits
from .private_files import Mounts, closed_ancestor, show_private
from .privileges import drops_root
from .sockets import sockets

if TYPE_CHECKING:
    from .process import SandboxedCommand

_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # every evaluation gets its own
_HIDDEN = ("/run", "/home", "/root")
_INTERPRETER = (Path(sys.prefix), Path(sys.base_prefix))
_REFUSED = 3  # the rank of what the caller hides
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev", "/proc", "/sys")


@dataclass(frozen=True)
class Place:
    """One path and what the sandbox has there; `source` is the host's path of what is shown."""

    path: Path
    kind: Literal["temporary", "hidden", "shown"]
    rank: int
    source: Path | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Sorts what is mounted later, and so wins, last."""
        return len(self.path.parts), self.rank


def mounts_of(command: "SandboxedCommand", *, can_size: bool = True) -> Mounts:
    """Return bubblewrap's flags for what `command` sees. The caller closes the files that they name.

    Raises:
        InputError: what the study shows cannot be shown to the user that the evaluation runs as.
    """
    places = sorted({*_places(command)}, key=lambda place: place.order)
    kinds = {str(place.path): place.kind for place in places if place.rank < _REFUSED}  # of equal paths the last counts
    places = [place for place in places if place.rank < _REFUSED or _around(place.path, kinds) is None]
    kinds |= {str(place.path): place.kind for place in places}
    hidden = frozenset(place.path for place in places if place.kind == "hidden")
    own = command.directory.resolve()
    open_to_all = {*_interpreter(), *(folder.resolve() for folder in command.sockets)}
    mounts = Mounts()
    try:
        for place in places:
            mounts.flags += _parents(place.path, kinds)
            _mount(place, mounts, command.limits if can_size else None)
            if place.kind == "shown" and drops_root() and place.path not in open_to_all:
                show_private(place.path, mounts, hidden)
    except BaseException:
        mounts.close()
        raise
    mounts.flags += [*_parents(own, kinds), "--bind", str(own), str(own)]
    mounts.flags += ["--chdir", str(own), *mounts.last]
    return mounts


def _places(command: "SandboxedCommand") -> Iterator[Place]:
    temporary, private = _by_default(os.environ.get("HOME"))
    yield from (Place(path, "temporary", 0) for path in temporary)
    shown = [path.absolute() for path in (*command.readable, *command.sockets)]
    if command.network:  # names are resolved through a file that is often a link into /run
        shown.append(Path("/etc/resolv.conf").resolve())
    if drops_root():
        closed = (_closed_above(path) for path in (*shown, command.directory))
        away = {path for path in closed if path is not None and not any(map(path.is_relative_to, temporary))}
        private = (*private, *away)
    others = command.directory.resolve().parent  # where the folders of evaluations at the same time are
    if others != Path("/") and not any(map(others.is_relative_to, temporary)):
        private = (*private, others)
    yield from (Place(path, "hidden", 1) for path in private)
    for path in shown:
        real = _real(path)
        yield Place(real, "shown", 2, real)
        if path != real and any(map(path.is_relative_to, (*temporary, *private))):
            yield Place(path, "shown", 2, real)  # a link that is itself hidden
    refused = {path.resolve() for path in command.hidden if path.exists()}
    if not command.network:
        usable = [folder.resolve() for folder in command.sockets]
        own = [path for path in shown if _real(path) not in _interpreter() and path.is_dir()]
        refused |= {path for path in sockets(own) if not any(map(path.is_relative_to, usable))}
    yield from (Place(path, "hidden", _REFUSED) for path in refused)


def hides(path: Path) -> bool:
    """Return whether a path is out of sight, unless it is named: below a home, in /run, or among temporary files."""
    temporary, private = _by_default(os.environ.get("HOME"))
    return any(map(path.is_relative_to, (*temporary, *private)))


@cache
def _by_default(home: str | None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the folders with temporary files, and those that are hidden: the user's home is one of them."""
    hidden = {Path(text) for text in (*_HIDDEN, home or "/")}
    with suppress(KeyError):  # a user without an entry, as in many containers
        hidden.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
    real = {path.resolve() for path in hidden if path.is_dir()} - {Path("/")}
    private = {path for path in real if not any(map(path.is_relative_to, _SYSTEM))}
    outermost = tuple(path for path in private if not private & {*path.parents})
    return tuple(Path(text).resolve() for text in _TEMPORARY), outermost


def _mount(place: Place, mounts: Mounts, limits: Limits | None) -> None:
    path = str(place.path)
    if place.kind == "shown":
        mounts.flags += ["--ro-bind-try", str(place.source), path]
    elif place.kind == "temporary":
        size = ["--size", str(limits.memory)] if limits else []
        mounts.flags += ["--perms", "1777", *size, "--tmpfs", path]
    elif place.path.is_dir():
        mounts.flags += ["--perms", "0755", "--tmpfs", path]
        mounts.last += ["--remount-ro", path]
    else:
        mounts.flags += ["--ro-bind", os.devnull, path]


@cache
def _interpreter() -> tuple[Path, ...]:
    """Return the folders of this Python: tens of thousands of files, not worth a look for each evaluation."""
    return tuple(path.resolve() for path in _INTERPRETER)


@cache
def _interpreter_is_closed() -> tuple[Path | None, ...]:
    return tuple(map(closed_ancestor, _interpreter()))


def _closed_above(path: Path) -> Path | None:
    found = _INTERPRETER.index(path) if path in _INTERPRETER else None
    return closed_ancestor(path.resolve()) if found is None else _interpreter_is_closed()[found]


def _real(path: Path) -> Path:
    return _interpreter()[_INTERPRETER.index(path)] if path in _INTERPRETER else path.resolve()


def _around(path: Path, kinds: Mapping[str, str]) -> str | None:
    """Return the empty place in which `path` would be mounted; None when the host's files are there."""
    folder = str(path.parent)
    while folder not in {"/", ""}:
        if folder in kinds:
            return None if kinds[folder] == "shown" else folder
        folder = folder.rpartition("/")[0]
    return None


def _parents(path: Path, kinds: Mapping[str, str]) -> list[str]:
    """Return the flags that make the folders above `path` in an empty place, for everybody to pass."""
    around = _around(path, kinds)
    return [] if around in {None, str(path.parent)} else ["--perms", "0755", "--dir", str(path.parent)]
