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
from ...tools.sandbox.bubblewrap import arguments, close
from .comparison import Ratio, interleaved_ms


def run() -> Iterator[Ratio]:
    """Time both in turn; nothing where bubblewrap does not work."""
    sandbox = choose_sandbox()
    if sandbox.name != "bubblewrap":
        return
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        directory = Path(folder)
        environment = {"PATH": os.environ["PATH"]}
        readable = (Path(sys.prefix), Path(sys.base_prefix))
        command = SandboxedCommand(("true",), directory, environment, timeout_s=10, readable=readable)
        argv, open_files = arguments(command)
        close(open_files)
        bare = [*_without_filter(argv[: argv.index("--")]), "--", "true"]
        ours, baseline = interleaved_ms(
            [
                lambda: runner.get_loop().run_until_complete(run_sandboxed(command, sandbox)),
                lambda: subprocess.run(bare, check=True, env=environment, capture_output=True),
            ],
            runs=101,
        )
    yield Ratio("sandboxed evaluation", ours, "bare bwrap, same flags", baseline, "spawn")


def _without_filter(flags: list[str]) -> list[str]:
    """Return the flags without the system call filter, whose file can be read only once."""
    position = flags.index("--seccomp") if "--seccomp" in flags else len(flags)
    return [*flags[:position], *flags[position + 2 :]]
