"""Runs benchmarks by name and prints a line a comparison."""

from collections.abc import Sequence
from importlib import import_module

import typer

from ...tools.errors import InputError
from . import BENCHMARKS
from .bars import bars


def run_benchmarks(names: Sequence[str]) -> int:
    """Run benchmarks and print their comparisons; return 1 when a bar is missed, else 0.

    Raises:
        InputError: there is no benchmark of a name.
    """
    wanted = [name.replace("-", "_") for name in names]
    for name in wanted:
        if name not in BENCHMARKS:
            raise InputError(f"no benchmark {name!r}", f"there are: {', '.join(BENCHMARKS)}")
    missed = 0
    for name in wanted:
        for comparison in import_module(f".{name}", __package__).run():
            typer.echo(str(comparison))
            missed += not comparison.met
    return 1 if missed else 0


def print_bars() -> None:
    """Print every bar with what it means."""
    for bar in bars().values():
        typer.echo(f"{bar.name:<16} {bar.bar:>6.3g} {bar.unit:<3} {bar.means}")
