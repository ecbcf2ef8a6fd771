"""The commands of `trimtab memory`. Imports only Typer, like the rest of the command line."""

from pathlib import Path
from typing import Annotated

import typer

memory_app = typer.Typer(help="What is remembered across studies.", no_args_is_help=True)

StoreUrl = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="SQLAlchemy URL of the store [TRIMTAB_STORE].")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one thing a line.")]


@memory_app.command("search")
def search(
    wanted: Annotated[str, typer.Argument(help="Words, or the key of a stored study.", metavar="TEXT|STUDY")],
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 10,
    json: Json = False,
    store: StoreUrl = None,
) -> None:
    """Find studies and lessons by words, or what is like a study."""
    from .commands import memory

    memory.search(wanted, store, limit=limit, as_json=json)


@memory_app.command("lessons")
def lessons(
    everything: Annotated[bool, typer.Option("--all", help="Also those in quarantine or retired.")] = False,
    json: Json = False,
    store: StoreUrl = None,
) -> None:
    """List what was learned, with its record."""
    from .commands import memory

    memory.print_lessons(store, everything=everything, as_json=json)


@memory_app.command("show")
def show(
    lesson: Annotated[int, typer.Argument(help="Number of a lesson.")], json: Json = False, store: StoreUrl = None
) -> None:
    """Show a lesson: its evidence, and what later studies said of it."""
    from .commands import memory

    memory.show(lesson, store, as_json=json)


@memory_app.command("forget")
def forget(
    study: Annotated[list[str] | None, typer.Option(help="Key of a study; with all that belongs to it.")] = None,
    lesson: Annotated[list[int] | None, typer.Option(help="Number of a lesson.")] = None,
    older_than: Annotated[float | None, typer.Option(help="Studies older than so many days.", min=0)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreUrl = None,
) -> None:
    """Delete from memory, for good."""
    from .commands import memory

    if not memory.forget(study or [], lesson or [], older_than, store, ask=not yes):
        raise typer.Exit(1)


@memory_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write; - for standard output.")],
    study: Annotated[list[str] | None, typer.Option(help="Only this study; may be given again.")] = None,
    store: StoreUrl = None,
) -> None:
    """Write memory as JSON lines, without paths and secrets."""
    from .commands import memory

    memory.export(file, study or [], store)


@memory_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `trimtab memory export` wrote.")], store: StoreUrl = None
) -> None:
    """Add another memory's studies and lessons to this one; nothing is overwritten."""
    from .commands import memory

    memory.import_(file, store)


@memory_app.command("stats")
def stats(json: Json = False, store: StoreUrl = None) -> None:
    """Say whether memory helps: trials saved, harm, lessons in quarantine."""
    from .commands import memory

    memory.print_stats(store, as_json=json)
