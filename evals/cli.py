"""`trimtab eval`: run suites and compare their results. Imports only Typer; every command loads what it needs."""

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Compare planners, prompts, models and samplers.", no_args_is_help=True)

ResultsPath = Annotated[Path, typer.Argument(help="A results.json, or the folder of one.", show_default=False)]


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="Name of a shipped suite, or a TOML file.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder for cells, results and report [eval-results/SUITE].")] = None,
    model: Annotated[str | None, typer.Option(help="The model of all arms that use one.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds; replaces the suite's.")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials of a cell; replaces the suite's.")] = None,
    arms: Annotated[str | None, typer.Option(help="Run these arms only, separated by commas.")] = None,
    workers: Annotated[int | None, typer.Option(help="Cells at the same time [the number of CPUs].")] = None,
    dollars: Annotated[float | None, typer.Option(help="Dollars for models, over the whole suite.")] = None,
    tokens: Annotated[float | None, typer.Option(help="Tokens for models, over the whole suite.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record each cell's model calls in this folder.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from recordings instead of a model.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Trials that filled in for a model do not count.")] = False,
) -> None:
    """Run a suite (or what is missing of it), and write results.json, report.html and report.md."""
    from .cell import Recordings
    from .runner import Caps
    from .running import run_and_report

    changes: dict[str, object] = {"seeds": seeds, "trials": trials, "strict": strict or None}
    raise typer.Exit(
        run_and_report(
            suite,
            out,
            changes={name: value for name, value in changes.items() if value is not None},
            model=model,
            arms=[name.strip() for name in arms.split(",")] if arms else None,
            workers=workers or len(os.sched_getaffinity(0)),
            recordings=Recordings(record, replay),
            caps=Caps(dollars, tokens),
        )
    )


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="Results (a path), or an arm of --results.", show_default=False)],
    b: Annotated[str, typer.Argument(help="What is compared with it.", show_default=False)],
    results: Annotated[Path | None, typer.Option(help="Compare two arms of these results.")] = None,
) -> None:
    """Exit with 1 when B is worse than A with confidence, else with 0."""
    from .running import print_comparison

    raise typer.Exit(print_comparison(a, b, results))


@app.command()
def report(results: ResultsPath) -> None:
    """Write report.html and report.md anew, beside the results."""
    from .running import write_reports

    write_reports(results)


@app.command()
def subset(results: ResultsPath) -> None:
    """Find the smallest set of tasks that ranks the arms as the whole suite does."""
    from .running import print_subsets

    print_subsets(results)


@app.command()
def honesty(
    out: Annotated[Path, typer.Option(help="Folder for outcomes and table.")] = Path("eval-results/honesty"),
    seeds: Annotated[int, typer.Option(help="Studies of each method in each world.", min=1)] = 16,
    workers: Annotated[int | None, typer.Option(help="Studies at the same time [the number of CPUs].")] = None,
) -> None:
    """Audit claimed improvements against the truth: where nothing matters, and on real tables under noise."""
    from .running import audit_honesty

    audit_honesty(out, seeds, workers or len(os.sched_getaffinity(0)))


@app.command("suites")
def suites_() -> None:
    """List the shipped suites."""
    from .running import print_suites

    print_suites()


@app.command("tasks")
def tasks_() -> None:
    """List the tasks with their sources and licences."""
    from .running import print_tasks

    print_tasks()
