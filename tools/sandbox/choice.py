"""Picks the strongest isolation that works on this machine."""

import shutil
import signal
import subprocess
from dataclasses import replace
from typing import Literal

from ..errors import InputError
from . import bubblewrap, supervised
from .process import Sandbox

Isolation = Literal["auto", "bubblewrap", "process"]


BUBBLEWRAP = Sandbox(
    "bubblewrap",
    "own process, network and mount namespaces; home, /tmp and /run hidden",
    bubblewrap.wrap,
    signal.SIGKILL,
)
PROCESS = Sandbox(
    "process",
    "process group, resource limits and scrubbed environment only: files and network are NOT isolated",
    supervised.wrap,
    signal.SIGTERM,
)


def choose_sandbox(isolation: Isolation = "auto") -> Sandbox:
    """Return the sandbox to use.

    Raises:
        InputError: bubblewrap was asked for by name and does not work here.
    """
    if isolation == "process":
        return PROCESS
    problem = bubblewrap_problem()
    if problem is None:
        return BUBBLEWRAP
    if isolation == "bubblewrap":
        raise InputError(f"evaluation.isolation = 'bubblewrap', but {problem}", "install bubblewrap or use 'auto'")
    return replace(PROCESS, guarantees=f"{PROCESS.guarantees} ({problem})")


def bubblewrap_problem() -> str | None:
    """Return why bubblewrap cannot be used, None when it works (tried with a real sandbox, about 5 ms)."""
    for program in ("bwrap", "prlimit"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    trial = subprocess.run(
        ["bwrap", *bubblewrap.NAMESPACES, "--unshare-net", "--ro-bind", "/", "/", "true"],  # noqa: S607
        capture_output=True,
        check=False,
        timeout=10,
    )
    if trial.returncode == 0:
        return None
    lines = trial.stderr.decode(errors="replace").strip().splitlines() or ["bwrap failed"]
    return f"bwrap does not work here: {lines[-1]}"
