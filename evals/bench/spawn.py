"""One sandboxed evaluation of `true` against bare bubblewrap with the same flags."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...tools.sandbox import SandboxedCommand, choose_sandbox
from ...tools.sandbox import run as run_sandboxed
from ...tools.sandbox.bubblewrap import flags
from .comparison import Comparison, interleaved_ms


def run() -> Iterator[Comparison]:
    """Time both in turn; nothing where bubblewrap does not work."""
    sandbox = choose_sandbox()
    if sandbox.name != "bubblewrap":
        return
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        directory = Path(folder)
        environment = {"PATH": os.environ["PATH"]}
        readable = (Path(sys.prefix), Path(sys.base_prefix))
        command = SandboxedCommand(("true",), directory, environment, timeout_s=10, readable=readable)
        bare = ["bwrap", *flags(command), "--", "true"]
        ours, baseline = interleaved_ms(
            [
                lambda: runner.run(run_sandboxed(command, sandbox)),
                lambda: subprocess.run(bare, check=True, env=environment, capture_output=True),
            ],
            runs=101,
        )
    yield Comparison("sandboxed evaluation", ours, "bare bwrap, same flags", baseline, 1.5)
