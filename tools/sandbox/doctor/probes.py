"""What `trimtab doctor` tries: attacks on the sandbox, and programs that use more than they may."""

from dataclasses import dataclass, field
from typing import Any

_NAMESPACES = "bubblewrap, with user namespaces"


@dataclass(frozen=True)
class Attack:
    """Something that an evaluation must not reach. `needs` is what keeps it out."""

    name: str
    said: str
    needs: str = _NAMESPACES
    by_default: bool = True


ATTACKS = (
    Attack("study", "the study's folder cannot be written"),
    Attack("system", "the system's files cannot be written"),
    Attack("settings", "kernel settings cannot be changed"),
    Attack("shadow", "/etc/shadow cannot be read"),
    Attack("secret", "home, /tmp and /run are hidden"),
    Attack("store", "the store is hidden, also beside the study"),
    Attack("processes", "other processes cannot be seen or signalled"),
    Attack("keys", "trimtab's environment, with its keys, cannot be read", "a /proc that shows processes"),
    Attack("port", "ports of this machine cannot be reached"),
    Attack("socket", "unix sockets of the study's folder cannot be reached"),
    Attack("abstract", "abstract unix sockets cannot be reached"),
    Attack("capabilities", "no capability is left", "bubblewrap and, for root, setpriv (util-linux)"),
    Attack("privileges", "no privilege can be gained (no_new_privs)", "Linux 3.5"),
    Attack("namespaces", "no namespaces can be made", "a system call filter: x86_64 or aarch64"),
    Attack("remount", "what is read-only stays so"),
    Attack("keyring", "kernel keyrings cannot be used", "a system call filter: x86_64 or aarch64"),
)


@dataclass(frozen=True)
class Excess:
    """A program that uses too much, the limits it runs with, and the limit that must end it."""

    name: str
    said: str
    program: str
    limits: dict[str, Any] = field(default_factory=dict)
    ended_by: str = ""
    by_default: bool = True


_SMALL = {"memory": 100 << 20, "disk": 20 << 20, "files": 100, "processes": 30, "output": 1 << 20}
_CHUNK = "import mmap, os, sys, time\nchunk = b'x' * (1 << 20)\n"
_STAY = "\ntime.sleep(20)"

EXCESSES = (
    Excess(
        "memory",
        "private memory is limited",
        _CHUNK + "for _ in range(4):\n    if os.fork() == 0:\n        kept = bytearray(50 << 20)\n"
        "        kept[::4096] = b'x' * len(kept[::4096])\n        time.sleep(20)" + _STAY,
        _SMALL,
        "limit memory",
    ),
    Excess(
        "shared memory",
        "shared memory is limited",
        _CHUNK + "kept = mmap.mmap(-1, 200 << 20)\n"
        "for at in range(0, 200 << 20, 1 << 20): kept[at:at + (1 << 20)] = chunk" + _STAY,
        _SMALL,
        "limit memory",
    ),
    Excess(
        "files in memory",
        "files in memory without a name are limited",
        _CHUNK + "file = os.memfd_create('x')\nfor _ in range(200): os.write(file, chunk)" + _STAY,
        _SMALL,
        "limit memory",
    ),
    Excess(
        "processes",
        "the number of processes is limited",
        _CHUNK + "for _ in range(60):\n    if os.fork() == 0: time.sleep(20); os._exit(0)" + _STAY,
        _SMALL,
        "limit processes",
    ),
    Excess(
        "disk",
        "all that is written is limited",
        _CHUNK + "for n in range(9):\n    with open(f'f{n}', 'wb') as file:\n"
        "        for _ in range(3): file.write(chunk)" + _STAY,
        _SMALL,
        "limit disk",
    ),
    Excess(
        "files",
        "the number of files is limited",
        _CHUNK + "for n in range(200): open(f'f{n}', 'w').close()" + _STAY,
        _SMALL,
        "limit files",
    ),
    Excess(
        "output",
        "output is limited",
        _CHUNK + "while True: sys.stdout.write('x' * 10000)",
        _SMALL,
        "limit output",
    ),
    Excess("time", "the time is limited", _CHUNK + "time.sleep(60)", _SMALL, "timeout"),
)
