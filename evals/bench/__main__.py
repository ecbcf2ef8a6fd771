"""`python -m trimtab.evals.bench [NAMES]` does what `trimtab bench` does."""

import sys

import typer

from ...agent.faces.outcome import run
from .cli import bench

app = typer.Typer(add_completion=False)
app.command()(bench)

if __name__ == "__main__":
    sys.exit(run(app))
