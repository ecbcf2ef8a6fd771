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


def render(study: Study, configuration: Configuration, form: str = "") -> str:
    """Return a configuration in a form of the target; without a form by the study's apply template, else as JSON.

    Raises:
        InputError: the target has no such form.
        TrimtabError: the system had to be asked, and is out of reach.
    """
    if form:
        forms = study.target.FORMS if study.target is not None else {}
        if study.target is None or form not in forms:
            known = f"there are {', '.join(forms)}" if forms else "its target has none: leave it out"
            raise InputError(f"--as {form!r}: {study.study.name} has no such form", known)
        return study.target.taken_home(form, configuration, study.wording.settings)
    if study.apply is None:
        return json.dumps(study.wording.plain(configuration), indent=2) + "\n"
    values = study.wording.complete(configuration)
    return "\n".join(study.wording.lines(study.apply.template.strip("\n"), values)) + "\n"


def form_for(study: Study, file: Path) -> str:
    """Return the form of the target that a file's suffix tells; '' for none, and where the study says how."""
    if study.apply is not None or study.target is None:
        return ""
    return next((form for form, suffix in study.target.FORMS.items() if suffix and file.suffix == suffix), "")


def shown(study: Study, configuration: Configuration) -> str:
    """Return a configuration as people are told it: by the study's template, in the target's first form, or as JSON."""
    forms = study.target.FORMS if study.apply is None and study.target is not None else {}
    return render(study, configuration, next(iter(forms), ""))


def difference(file: Path, text: str) -> str:
    """Return what writing `text` to a file changes, to the last character, as a unified diff; '' when nothing.

    Raises:
        InputError: the file exists and cannot be read as text.
    """
    old = _text_of(file)
    lines = difflib.unified_diff(_lines(old), _lines(text), str(file), str(file))
    return "".join(_shown(line) for line in lines)


def _lines(text: str) -> list[str]:
    if not text:
        return []
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
