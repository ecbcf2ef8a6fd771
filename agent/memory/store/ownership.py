"""Who runs a study: a process told apart from every other one, also from a later one with the same number."""

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process that took a study, and which time it did so (`token`).

    Process ids mean something among processes of one boot and one pid namespace: containers on one machine have
    namespaces of their own. `start` is in clock ticks since boot. What cannot be known is None.
    """

    pid: int
    host: str
    start: str | None = None
    boot: str | None = None
    namespace: str | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def text(self) -> str:
        """The owner as the store keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


def this_process() -> Owner:
    """Return an owner that stands for this process, with a token of its own."""
    pid = os.getpid()
    return Owner(pid, socket.gethostname(), _process_start(pid), _boot(), _namespace())


def owner_of(text: str) -> Owner:
    """Return a stored owner; an older trimtab stored less about it."""
    known = {each.name for each in fields(Owner)}
    given = {name: value for name, value in json.loads(text).items() if name in known}
    return Owner(**{"token": "", **given})


def is_alive(owner: Owner) -> bool | None:
    """Whether an owner still runs; None when that cannot be seen from here, so that only its lease can tell."""
    if owner.boot is None:  # stored by an older trimtab, which told machines apart by their names
        here = owner.host == socket.gethostname()
    else:
        here = (owner.boot, owner.namespace) == (_boot(), _namespace())
    return _process_start(owner.pid) == owner.start if here and owner.start is not None else None


def _process_start(pid: int) -> str | None:
    """Return when a process was started: tells a reused process id. None for one that has ended, collected or not."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in {"Z", "X"} else rest[18]
    except (OSError, ValueError, IndexError):
        return None


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
