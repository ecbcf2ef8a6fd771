"""Attacks: a Python program that prints what it reached as JSON, run bare, or inside a sandbox."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.sandbox import Outcome, Sandbox, SandboxedCommand, choose_sandbox, run
from trimtab.tools.sandbox.choice import bubblewrap_problem

BEGIN = """
import ctypes, json, os, socket, subprocess, sys, time
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
def works(action):
    try:
        return action() not in (-1, False)
    except OSError:
        return False
"""

Attack = Callable[..., dict[str, Any]]


@pytest.fixture
def bubblewrap() -> Sandbox:
    problem = bubblewrap_problem()
    if problem is not None:
        pytest.skip(problem)
    return choose_sandbox("bubblewrap")


@pytest.fixture
def process() -> Sandbox:
    return choose_sandbox("process")


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[..., Outcome]:
    """Run a program in a sandbox and return how it ended."""
    folder = tmp_path / "study"
    folder.mkdir(exist_ok=True)

    def attempt(sandbox: Sandbox, body: str, *arguments: str, **fields: Any) -> Outcome:
        (folder / "attack.py").write_text(BEGIN + body)
        work = fields.pop("directory", tmp_path / "work")
        work.mkdir(exist_ok=True)
        python = (Path(sys.prefix), Path(sys.base_prefix))
        fields["readable"] = (folder, *python, *fields.get("readable", ()))
        command = SandboxedCommand(
            (sys.executable, str(folder / "attack.py"), *arguments),
            work,
            fields.pop("environment", {"PATH": "/usr/bin:/bin"}),
            **{"timeout_s": 30, **fields},
        )
        return asyncio.run(run(command, sandbox))

    return attempt


@pytest.fixture
def attack(attempt: Callable[..., Outcome], tmp_path: Path) -> Attack:
    """Return what a program says it reached, in a sandbox, or bare where the sandbox is None."""

    def attack(sandbox: Sandbox | None, body: str, *arguments: str, **fields: Any) -> dict[str, Any]:
        if sandbox is None:
            argv = [sys.executable, "-c", BEGIN + body, *arguments]
            done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60)
            return json.loads(done.stdout)
        outcome = attempt(sandbox, body, *arguments, **fields)
        assert outcome.exit_code == 0, outcome
        return json.loads(outcome.stdout)

    return attack
