"""Runs inside a sandbox that is being tried: small harmless attacks, and what they reached as JSON.

Usage: intruder.py JSON, an object with what there is to reach: see `examination.Bait`. Standard library only. Nothing
of the machine is written or changed, also where nothing holds it back.
"""

import contextlib
import ctypes
import json
import os
import platform
import socket
import sys
from collections.abc import Callable
from pathlib import Path

_NEW_USER, _REMOUNT_BIND, _JOIN_SESSION_KEYRING = 0x10000000, 32 | 4096, 1
_KEYCTL = {"x86_64": 250, "aarch64": 219}


def main() -> None:
    """Try everything, print what was reached."""
    bait = json.loads(sys.argv[1])
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    found = {
        "study": _opens(bait["study"] + "/written", os.O_WRONLY | os.O_CREAT),
        "system": _opens("/etc/passwd", os.O_WRONLY),
        "settings": _opens("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        "shadow": _opens("/etc/shadow", os.O_RDONLY),
        "secret": _opens(bait["secret"], os.O_RDONLY),
        "store": _opens(bait["store"], os.O_RDONLY),
        "processes": _happens(lambda: os.kill(bait["process"], 0)),
        "keys": _reads(f"/proc/{bait['process']}/environ"),
        "port": _connects(socket.AF_INET, ("127.0.0.1", bait["port"])),
        "socket": _connects_to_file(bait["socket"]),
        "abstract": _connects(socket.AF_UNIX, "\0" + bait["abstract"]),
        "capabilities": any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")),
        "privileges": status.get("NoNewPrivs", "0").strip() != "1",
        "namespaces": _in_a_child(lambda: _call("unshare", _NEW_USER)),
        "remount": _in_a_child(_remounts),
        "keyring": _in_a_child(_joins_keyring),
    }
    sys.stdout.write(json.dumps(found))


def _opens(path: str, flags: int) -> bool:
    with contextlib.suppress(OSError):
        os.close(os.open(path, flags, 0o600))
        return True
    return False


def _reads(path: str) -> bool:
    with contextlib.suppress(OSError):
        return any(Path(path).read_bytes())
    return False


def _happens(action: Callable[[], object]) -> bool:
    with contextlib.suppress(OSError):
        action()
        return True
    return False


def _connects(family: int, address: tuple[str, int] | str) -> bool:
    with socket.socket(family) as client:
        client.settimeout(2)
        return _happens(lambda: client.connect(address))


def _connects_to_file(path: str) -> bool:
    """From within its folder: its whole path may be too long for a socket."""
    try:
        os.chdir(Path(path).parent)
    except OSError:
        return False
    return _connects(socket.AF_UNIX, Path(path).name)


def _call(name: str, *arguments: object) -> bool:
    return bool(getattr(ctypes.CDLL(None), name)(*arguments) == 0)


def _remounts() -> bool:
    """In mounts of its own, where nothing holds it back: the host's must not change."""
    return _call("unshare", 0x20000) and _call("mount", b"none", b"/", None, _REMOUNT_BIND, None)


def _joins_keyring() -> bool:
    number = _KEYCTL.get(platform.machine())
    return number is not None and ctypes.CDLL(None).syscall(number, _JOIN_SESSION_KEYRING, None) > 0


def _in_a_child(attack: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if attack() else 1)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main()
