"""`trimtab bench`: runs benchmarks and prints how they stand to their bars. Imports only Typer."""

from typing import Annotated

import typer

from . import BENCHMARKS


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; all when none is named.")] = None,
    bars: Annotated[bool, typer.Option("--bars", help="Print the bars and what they mean, and run nothing.")] = False,
) -> None:
    """Run benchmarks: a ratio each against a baseline of the same run. Exit with 1 when a bar is missed."""
    from .running import print_bars, run_benchmarks

    if bars:
        print_bars()
        return
    raise typer.Exit(run_benchmarks(names or list(BENCHMARKS)))
