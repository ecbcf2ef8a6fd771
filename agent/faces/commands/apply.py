"""Writes a configuration to a file after showing the difference."""

import sys
from pathlib import Path

import typer

from ....tools.errors import InputError
from ...study.apply import difference, render, write
from ...study.sections import Study
from ...study.space import Configuration
from .show import open_stored


def apply_configuration(study: Study, configuration: Configuration, file: Path, *, ask: bool) -> bool:
    """Show what changes in `file`, ask when a person is there, and write. Returns whether it was written."""
    text = render(study, configuration)
    changes = difference(file, text)
    if not changes:
        typer.echo(f"{file} already holds this configuration", err=True)
        return False
    typer.echo(changes, err=True)
    if ask and sys.stdin.isatty() and not typer.confirm(f"write {file}?", err=True):
        return False
    write(file, text)
    typer.echo(f"wrote {file}", err=True)
    return True


def apply_stored(key: str, file: Path, store_url: str | None, *, trial: int | None, ask: bool) -> None:
    """Apply a stored study's incumbent when its check supports it, or any trial that is named.

    Raises:
        InputError: no such study or trial, or no improvement that the check supports.
    """
    _store, stored, study, history = open_stored(key, store_url)
    trials = history.trials
    if study.apply is None and "apply" in stored.definition:
        raise InputError(f"{stored.key}: its [apply] cannot be read by this trimtab", "see trimtab export --json")
    if trial is not None:
        if not 0 <= trial < len(trials):
            raise InputError(f"{stored.key} has no trial {trial}", f"it has 0 to {len(trials) - 1}")
        apply_configuration(study, trials[trial].configuration, file, ask=ask)
        return
    result = stored.result or {}
    check, best = result.get("check"), result.get("best")  # what was checked, though later trials may be better
    if check is None or best is None or not check["improved"]:
        verdict = check["verdict"] if check else "the final check did not run"
        raise InputError(f"{stored.key}: {verdict}; nothing is applied", "name a trial with --trial to apply it anyway")
    apply_configuration(study, best["configuration"], file, ask=ask)
