"""Wraps a command in bubblewrap: namespaces of its own, the system read-only, home, /tmp and /run hidden."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .process import SandboxedCommand

NAMESPACES = (
    "--unshare-user-try",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--die-with-parent",
)
_HIDDEN = ("/tmp", "/run", "/var/tmp")  # noqa: S108  # hidden, not used


def wrap(command: "SandboxedCommand") -> list[str]:
    """Return the argument vector that runs `command` under bubblewrap."""
    return ["bwrap", *flags(command), "--", *_limited(command)]


def flags(command: "SandboxedCommand") -> list[str]:
    """Return bubblewrap's flags alone; later binds win over the hidden folders."""
    found = [*NAMESPACES, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    if not command.network:
        found.append("--unshare-net")
    for hidden in (*_HIDDEN, str(Path.home())):
        if Path(hidden).is_dir() and hidden != "/":
            found += ["--tmpfs", hidden]
    for path in command.readable:
        found += ["--ro-bind-try", str(path), str(path)]
    for path in command.hidden:
        if path.is_dir():
            found += ["--tmpfs", str(path)]
    directory = str(command.directory)
    return [*found, "--bind", directory, directory, "--chdir", directory]


def _limited(command: "SandboxedCommand") -> list[str]:
    limits = command.limits
    argv = [
        "prlimit",
        f"--data={limits.memory}",
        f"--fsize={limits.file_size}",
        "--core=0",
        "--",
        *command.argv,
    ]
    if command.cpus:
        argv = ["taskset", "--cpu-list", ",".join(map(str, command.cpus)), *argv]
    return argv
