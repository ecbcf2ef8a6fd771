"""How long a person waits for a line: `trimtab --help` against importing Typer, `trimtab check` against `--help`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .comparison import Comparison, interleaved_ms

STUDY = Path(__file__).parents[2] / "examples" / "sqlite" / "study.toml"


def run() -> Iterator[Comparison]:
    """Time whole processes in turn."""
    program = str(Path(sys.executable).with_name("trimtab"))

    def command(*argv: str) -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    helped, imported, checked = interleaved_ms(
        [
            lambda: command(program, "--help"),
            lambda: command(sys.executable, "-c", "import typer"),
            lambda: command(program, "check", str(STUDY)),
        ],
        runs=11,
    )
    yield Comparison("trimtab --help", helped, 'python -c "import typer"', imported, 2.5)
    yield Comparison("trimtab check", checked, "trimtab --help", helped, 3.0)
