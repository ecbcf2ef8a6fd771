"""Turns a configuration into the text that applies it, and shows what writing it would change."""

import difflib
import json
from pathlib import Path

from ...tools.errors import InputError
from ...tools.targets.template import fill
from .sections import Study
from .space import Configuration


def render(study: Study, configuration: Configuration) -> str:
    """Return the study's apply template filled in, or the configuration as JSON without one."""
    if study.apply is None:
        return json.dumps(configuration, indent=2) + "\n"
    lines = study.apply.template.strip("\n").splitlines()
    return "\n".join(fill(lines, configuration)) + "\n"


def difference(file: Path, text: str) -> str:
    """Return what writing `text` to a file changes, as a unified diff; '' when nothing.

    Raises:
        InputError: the file exists and cannot be read as text.
    """
    try:
        old = file.read_text() if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}", "name another file") from None
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), str(file), str(file), lineterm="")
    return "\n".join(lines)


def write(file: Path, text: str) -> None:
    """Write the file as a whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}", "name another file") from None
