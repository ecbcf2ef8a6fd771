"""`trimtab model`: the embedded model's files."""

import typer

from ...models.files import embedded_model, installed_models, pull, remove


def print_models() -> None:
    """List the installed model files; the one that `--model local` uses is marked."""
    used = embedded_model()
    for file in installed_models():
        typer.echo(f"{'*' if file == used else ' '} {file.stem}  {file.stat().st_size / 1e6:.0f} MB  {file}")
    if used is None:
        typer.echo("no model is installed: trimtab model pull")


def pull_model() -> None:
    """Fetch and install the embedded model."""
    file = pull()
    typer.echo(f"{file.stem} is installed ({file.stat().st_size / 1e6:.0f} MB)")


def remove_model(name: str) -> None:
    """Remove a model file."""
    typer.echo(f"removed {remove(name)}")
