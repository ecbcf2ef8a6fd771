"""`trimtab init`: writes the draft of a study, says what was guessed, and tries the default once."""

import shlex
from pathlib import Path

import typer

from ....tools.errors import InputError
from ....tools.text import visible
from ...study.draft import Draft, draft, draft_of_code
from .check import try_default


def write_draft(
    source: list[str], file: Path, *, command: str, metric: str, tries: bool, from_code: Path | None = None
) -> None:
    """Write a draft to a file that is not there yet; `from_code` is a program whose constants are tuned.

    Raises:
        InputError: the source holds nothing to tune, or the file is there.
    """
    if file.exists():
        raise InputError(f"{file} is there already", "give --output FILE, or remove it")
    if from_code is not None and source:
        raise InputError(f"{source[0]!r} and --from-code {from_code}", "give one of them")
    folder = file.absolute().parent
    if from_code is not None:
        drafted = draft_of_code(from_code, folder, command=command, metric=metric)
    else:
        text = source[0] if len(source) == 1 else shlex.join(source)
        drafted = draft(text, folder, command=command, metric=metric or "seconds")
    try:
        file.write_text(drafted.text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}", "name another file") from None
    for line in _told(drafted, file):
        typer.echo(visible(line))
    if tries and not drafted.missing:
        try_default(file, None)


def _told(drafted: Draft, file: Path) -> list[str]:
    lines = [f"{file}: {len(drafted.guesses)} parameters from {drafted.source}"]
    for each in drafted.guesses:
        values = each.fields.get("choices") or [each.fields.get("low"), each.fields.get("high")]
        shown = "false, true" if each.fields["type"] == "bool" else ", ".join(map(str, values))
        unsure = f"  ({each.words})" if each.words else ""
        lines.append(f"  {each.name}: {each.fields['default']} of {shown}{unsure}")
    if drafted.left_out:
        lines.append(f"left out, with reasons in the file: {', '.join(drafted.left_out)}")
    if drafted.missing:
        lines.append(f"missing: {drafted.missing}")
    return [*lines, f"next: look at the ranges, then trimtab check {file}; trimtab tune {file}"]
