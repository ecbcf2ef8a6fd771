"""`trimtab --help` against importing Typer, whole processes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .comparison import Comparison, interleaved_ms


def run() -> Iterator[Comparison]:
    """Time both in turn."""
    program = str(Path(sys.executable).with_name("trimtab"))

    def command(*argv: str) -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    ours, baseline = interleaved_ms(
        [lambda: command(program, "--help"), lambda: command(sys.executable, "-c", "import typer")], runs=11
    )
    yield Comparison("trimtab --help", ours, 'python -c "import typer"', baseline, 2.5)
