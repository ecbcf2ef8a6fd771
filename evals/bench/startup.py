"""How long a person waits for a line: `trimtab --help` against importing Typer, `trimtab check` against `--help`."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...agent.study.toml_text import to_toml
from ...agent.testing import small_study
from .comparison import Ratio, interleaved_ms


def run() -> Iterator[Ratio]:
    """Time whole processes in turn."""
    program = str(Path(sys.executable).with_name("trimtab"))

    def command(*argv: str) -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as folder:
        study = study_file(Path(folder))
        helped, imported, checked = interleaved_ms(
            [
                lambda: command(program, "--help"),
                lambda: command(sys.executable, "-c", "import typer"),
                lambda: command(program, "check", str(study)),
            ],
            runs=11,
        )
    yield Ratio("trimtab --help", helped, 'python -c "import typer"', imported, "help")
    yield Ratio("trimtab check", checked, "trimtab --help", helped, "check")


def study_file(folder: Path) -> Path:
    """Write a study file and return its path."""
    file = folder / "study.toml"
    file.write_text(to_toml(small_study()))
    return file
