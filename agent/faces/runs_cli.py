"""The commands for runs and for agents. Imports only Typer, like the rest of the command line."""

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(help="A run, or the key or name of its study.", metavar="RUN")]
StoreUrl = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="SQLAlchemy URL of the store [TRIMTAB_STORE].")
]


def runs(
    everything: Annotated[bool, typer.Option("--all", help="Also runs that are over.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one run a line as JSON.")] = False,
    store: StoreUrl = None,
) -> None:
    """List what runs, whoever started it."""
    from .commands.runs import print_runs

    print_runs(store, as_json=json, everything=everything)


def attach(run: RunName, store: StoreUrl = None) -> None:
    """Show a run that is under way; Ctrl-C leaves it running."""
    from .commands.runs import attach as attached

    raise typer.Exit(attached(run, store))


def stop(
    run: RunName,
    pause: Annotated[bool, typer.Option("--pause", help="Only start no further trial.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Take a pause back.")] = False,
    store: StoreUrl = None,
) -> None:
    """End a run after the evaluations under way; what was measured stays."""
    from .commands.runs import ask

    typer.echo(ask(run, "pause" if pause else "resume" if resume else "stop", store))


def mcp(
    folder: Annotated[Path, typer.Argument(help="Where study files are, and files may be written.")] = Path(),
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP on this machine instead.")] = False,
    port: Annotated[int, typer.Option(help="Port of --http.", min=1, max=65535)] = 8766,
    token: Annotated[
        str, typer.Option(envvar="TRIMTAB_MCP_TOKEN", help="What clients of --http must send; else one is made.")
    ] = "",
    allow_apply: Annotated[bool, typer.Option("--allow-apply", help="Write files without asking a person.")] = False,
    most_trials: Annotated[int, typer.Option(help="The most trials that a run may have.", min=1)] = 1000,
    most_hours: Annotated[float | None, typer.Option(help="The most hours of its search.", min=0.001)] = None,
    most_dollars: Annotated[
        float | None, typer.Option(help="The most dollars that its language model may cost.", min=0)
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Serve your own agent: it has the ideas, trimtab measures, keeps the budget and proves the result."""
    from .commands.mcp import serve

    serve(
        folder,
        store,
        http=http,
        port=port,
        token=token,
        allow_apply=allow_apply,
        most_trials=most_trials,
        most_hours=most_hours,
        most_dollars=most_dollars,
    )


skill_app = typer.Typer(help="What agents are told of trimtab.", no_args_is_help=True)


@skill_app.command("install")
def skill_install(
    agent: Annotated[str, typer.Option("--for", help="claude-code or codex.")] = "claude-code",
    folder: Annotated[Path | None, typer.Option(help="Its folder of skills, where it looks elsewhere.")] = None,
    project: Annotated[bool, typer.Option("--project", help="For this project, not for this user.")] = False,
) -> None:
    """Write the skill to where an agent looks for it."""
    from .commands.skill import install

    install(agent, folder, project=project)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (runs, attach, stop, mcp):
        app.command()(command)
    app.add_typer(skill_app, name="skill")
