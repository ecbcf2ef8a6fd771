"""Turns a configuration into the text that applies it, and shows what writing it would change."""

import difflib
import json
import stat
from pathlib import Path

from ...tools.errors import InputError
from ...tools.text import visible
from .replace import replace_text
from .sections import Study
from .space import Configuration

_LONGEST_FILE = 4 << 20


def render(study: Study, configuration: Configuration) -> str:
    """Return the study's apply template filled in, or the configuration as JSON without one."""
    if study.apply is None:
        return json.dumps(study.wording.plain(configuration), indent=2) + "\n"
    values = study.wording.complete(configuration)
    return "\n".join(study.wording.lines(study.apply.template.strip("\n"), values)) + "\n"


def difference(file: Path, text: str) -> str:
    """Return what writing `text` to a file changes, to the last character, as a unified diff; '' when nothing.

    Raises:
        InputError: the file exists and cannot be read as text.
    """
    old = _text_of(file)
    lines = difflib.unified_diff(_lines(old), _lines(text), str(file), str(file))
    return "".join(_shown(line) for line in lines)


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([text.rpartition("\n")[2]] if text[-1:] != "\n" else [])


def _shown(line: str) -> str:
    return visible(line) if line.endswith("\n") else f"{visible(line)}\n\\ no newline at the end\n"


def _text_of(file: Path) -> str:
    """Return the text of a plain file; '' for what is not there, or is a pipe or device."""
    try:
        if not file.exists() or not stat.S_ISREG(file.stat().st_mode):
            return ""
        if file.stat().st_size > _LONGEST_FILE:
            raise InputError(f"{file}: larger than {_LONGEST_FILE >> 20} MiB", "name another file")
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}", "name another file") from None


def write(file: Path, text: str) -> None:
    """Write the file as a whole or not at all; its mode, owner and links stay.

    Raises:
        InputError: it cannot be written.
    """
    try:
        replace_text(file, text)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}", "name another file") from None
