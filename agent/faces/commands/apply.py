"""Writes a configuration to a file after showing the difference."""

import select
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from ....tools.errors import InputError
from ...run.result import numbered, result_of
from ...study.applied import before, keep, kept, revert
from ...study.apply import difference, form_for, render, write
from ...study.sections import Study
from ...study.space import Configuration
from .show import open_stored

Agreed = Callable[[Path], bool]
"""Whether a file may be written now that its changes were shown."""


def apply_configuration(
    study: Study, configuration: Configuration, file: Path, *, agreed: Agreed, form: str = ""
) -> bool:
    """Show what changes in `file`, and write it if that is agreed to. Returns whether it holds the configuration.

    `form` is one of the target's; '' takes the one that the file's suffix tells.
    """
    text = render(study, configuration, form or form_for(study, file))
    changes = difference(file, text)
    if not changes:
        typer.echo(f"{file} already holds this configuration", err=True)
        return True
    typer.echo(changes, nl=False, err=True)
    if not agreed(file):
        typer.echo(f"nothing was written to {file}", err=True)
        return False
    try:
        keep(file, text)
    except OSError as error:
        raise InputError(
            f"{file} was not written: what it holds cannot be kept: {error.strerror}", "make room"
        ) from None
    write(file, text)
    typer.echo(f"wrote {file}; trimtab apply --revert {file} brings it back", err=True)
    return True


def revert_file(file: Path, *, ask: bool, show: bool) -> bool:
    """Bring a file back to what it held before `apply`; `show` only prints that. Returns whether it is so now.

    Raises:
        InputError: nothing was applied to it, or it was changed since.
    """
    if show:
        typer.echo(kept(file) or "", nl=False)
        return True
    text = before(file)
    typer.echo(difference(file, text or ""), nl=False, err=True)
    if ask and not agrees(file):
        typer.echo(f"{file} stays as it is", err=True)
        return False
    try:
        revert(file, text)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}", "look at its folder") from None
    typer.echo(f"{file} is as it was" if text is not None else f"{file} is gone, as it was", err=True)
    return True


def agrees(file: Path) -> bool:
    """Ask the person at the terminal.

    Raises:
        InputError: there is none; an answer in a pipe may be meant for somebody else.
    """
    return agrees_to(f"write {file}?", f"{file} was not written")


def agrees_to(question: str, otherwise: str) -> bool:
    """Ask the person at the terminal; `otherwise` says what did not happen without one.

    Raises:
        InputError: there is none; an answer in a pipe may be meant for somebody else.
    """
    if not sys.stdin.isatty():
        raise InputError(f"{otherwise}: standard input is no terminal to ask at", "--yes does it")
    return typer.confirm(question, err=True)


def was_asked_for(file: Path) -> bool:
    """Ask the person at the terminal; without one, take what was ordered in advance, unless a pipe says no."""
    if sys.stdin.isatty():
        return agrees(file)
    try:
        says, _, _ = select.select([sys.stdin], [], [], 0)
        return not (says and sys.stdin.readline().strip().lower() in {"n", "no"})
    except (OSError, ValueError):  # a closed standard input says nothing
        return True


def apply_stored(
    key: str,
    file: Path,
    store_url: str | None,
    *,
    trial: int | None,
    ask: bool,
    whole: bool = False,
    form: str = "",
) -> bool:
    """Apply a stored study's result when its check supports it, or any trial that is named.

    Of the result that is the minimal configuration where one was as good, unless the `whole` incumbent is asked for.

    Returns whether the file holds it now.

    Raises:
        InputError: no such study or trial, or no improvement that the check supports.
    """
    agreed: Agreed = agrees if ask else lambda _file: True
    _store, stored, study, history = open_stored(key, store_url)
    if study.apply is None and "apply" in stored.definition:
        raise InputError(f"{stored.key}: its [apply] cannot be read by this trimtab", "see trimtab export --json")
    if trial is not None:
        configuration = numbered(stored, history, trial).configuration
        return apply_configuration(study, configuration, file, agreed=agreed, form=form)
    result = result_of(stored)
    check = result.check if result is not None else None
    offered = (
        result.offered(whole=whole) if result is not None else None
    )  # was checked, though later trials may be better
    if result is None or result.best is None or offered is None or check is None or not check.improved:
        verdict = check.verdict if check else "the final check did not run"
        raise InputError(f"{stored.key}: {verdict}; nothing is applied", "name a trial with --trial to apply it anyway")
    if result.best.edit:
        typer.echo(f"note: this was measured with {result.best.edit}: trimtab patch {stored.key} --apply", err=True)
    return apply_configuration(study, offered, file, agreed=agreed, form=form)
