"""The command line. Imports only Typer; every command loads what it needs when it runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...tools.errors import InputError, TrimtabError

app = typer.Typer(
    name="trimtab",
    help="Find good configurations for real systems, with results you can believe.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFile = Annotated[Path, typer.Argument(help="Study file (TOML).", show_default=False)]
StudyKey = Annotated[str, typer.Argument(help="Key or name of a stored study.", show_default=False)]
StoreUrl = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="SQLAlchemy URL of the store [TRIMTAB_STORE].")
]


@app.command()
def tune(
    study: StudyFile,
    trials: Annotated[int | None, typer.Option(help="Trials, the default included; replaces the file's.")] = None,
    wall_time: Annotated[float | None, typer.Option(help="Seconds of search; replaces the file's.")] = None,
    workers: Annotated[int | None, typer.Option(help="Evaluations at the same time.")] = None,
    planner: Annotated[str | None, typer.Option(help="auto, offline or none.")] = None,
    sampler: Annotated[str | None, typer.Option(help="auto, tpe, gp, cmaes, qmc or random.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampler.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the latest stored study of this name.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one event a line as JSON.")] = False,
    apply: Annotated[Path | None, typer.Option(help="Write the improved configuration to this file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --apply writes.")] = False,
    store: StoreUrl = None,
) -> None:
    """Tune the system that a study file describes."""
    from .run import run_study

    overrides: dict[str, dict[str, object]] = {
        "budget": {"trials": trials, "wall_time_s": wall_time},
        "evaluation": {"workers": workers},
        "planner": {"name": planner},
        "sampler": {"name": sampler, "seed": seed},
    }
    code = run_study(study, overrides, store=store, resume=resume, as_json=json, apply=apply, ask=not yes)
    raise typer.Exit(code)


@app.command()
def check(study: StudyFile) -> None:
    """Check a study file: print its search space as a table, or every mistake."""
    from .checking import print_study

    print_study(study)


@app.command()
def schema(
    events: Annotated[bool, typer.Option("--events", help="The schema of the --json events instead.")] = False,
) -> None:
    """Print the JSON Schema of study files, for editors, or of events."""
    from .schemas import events_schema, study_schema

    typer.echo(events_schema() if events else study_schema())


@app.command()
def studies(store: StoreUrl = None) -> None:
    """List the studies in the store."""
    from .showing import print_studies

    print_studies(store)


@app.command()
def show(
    study: StudyKey,
    trial: Annotated[int | None, typer.Option(help="Show one trial with its log.")] = None,
    all_trials: Annotated[bool, typer.Option("--all", help="Show every trial, not the best and the latest.")] = False,
    store: StoreUrl = None,
) -> None:
    """Show a stored study: its trials, its incumbent, and why it won."""
    from .showing import print_study, print_trial

    if trial is None:
        print_study(study, store, everything=all_trials)
    else:
        print_trial(study, trial, store)


@app.command()
def export(
    study: StudyKey,
    csv: Annotated[Path | None, typer.Option(help="Write the trials as CSV; - for standard output.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the whole study as JSON; - for standard output.")] = None,
    optuna: Annotated[str | None, typer.Option(metavar="URL", help="Add to an Optuna storage.")] = None,
    store: StoreUrl = None,
) -> None:
    """Export a stored study as CSV, JSON, or into an Optuna storage."""
    from .exporting import export_study

    if csv is None and json is None and optuna is None:
        raise InputError("nothing to export", "give --csv FILE, --json FILE or --optuna URL")
    export_study(study, store, csv=csv, json_file=json, optuna_url=optuna)


@app.command("apply")
def apply_(
    study: StudyKey,
    file: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    trial: Annotated[int | None, typer.Option(help="This trial instead of the incumbent.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    store: StoreUrl = None,
) -> None:
    """Write a stored study's improved configuration to a file, after showing the difference."""
    from .applying import apply_stored

    apply_stored(study, file, store, trial=trial, ask=not yes)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of trimtab itself."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"trimtab {installed('trimtab')}")
        raise typer.Exit


def main() -> None:
    """Run the command line, and turn every error a person can act on into one clear message and an exit code."""
    try:
        app()
    except TrimtabError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
