"""Picks the strongest isolation that works on this machine."""

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from . import bare, bubblewrap, privileges, supervised
from .limits import Isolation
from .process import Sandbox, SandboxedCommand

BUBBLEWRAP = Sandbox(
    "bubblewrap",
    "own process, network and mount namespaces; home, /tmp and /run hidden",
    bubblewrap.launch,
)
PROCESS = Sandbox(
    "process",
    "process group, resource limits and scrubbed environment only: files and network are NOT isolated",
    supervised.launch,
)
NONE = Sandbox("none", "NOT isolated and not limited: it may do all that you may", bare.launch)
UNSANDBOXED = "TRIMTAB_ALLOW_UNSANDBOXED"
"""The variable that must be 1 where programs may run without any sandbox."""


def choose_sandbox(isolation: Isolation = "auto") -> Sandbox:
    """Return the sandbox to use.

    Raises:
        InputError: what was asked for does not work here, or nothing was, and nobody has said that this may be.
    """
    if isolation == "none":
        if os.environ.get(UNSANDBOXED) != "1":
            raise InputError("evaluation.isolation = 'none' runs programs as you", "--allow-unsandboxed allows it")
        return NONE
    if isolation == "process":
        return PROCESS
    problem = bubblewrap_problem()
    if problem is None:
        return BUBBLEWRAP
    if isolation in {"bubblewrap", "strict"}:
        hint = "sudo apt-get install bubblewrap (or isolation = 'process', which is far weaker)"
        raise InputError(f"evaluation.isolation = {isolation!r}, but {problem}", hint)
    return replace(PROCESS, guarantees=f"{PROCESS.guarantees} ({problem})")


def bubblewrap_problem() -> str | None:
    """Return why bubblewrap cannot be used, None when it works (tried with a real sandbox, about 10 ms)."""
    if missing := bubblewrap.missing():
        return missing
    with tempfile.TemporaryDirectory() as folder:
        command = SandboxedCommand(("true",), Path(folder), {}, timeout_s=10)
        with privileges.lent(command.directory):
            argv, open_files = bubblewrap.arguments(command)
            try:
                trial = subprocess.run(argv, capture_output=True, check=False, timeout=10, pass_fds=open_files)
            finally:
                bubblewrap.close(open_files)
    if trial.returncode == 0:
        return None
    lines = trial.stderr.decode(errors="replace").strip().splitlines() or ["bwrap failed"]
    return f"bwrap does not work here: {lines[-1]}"
