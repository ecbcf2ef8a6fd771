"""The {places} of commands, the environment and files, and values as text."""

import string
from collections.abc import Sequence

from ...expressions import Value

BUILT_IN = ("seed", "study_dir", "python")
"""Places that are no parameter's, and names that no parameter may have."""

OF_THE_EVALUATION = ("worker", "trial", "work_dir", "port", "gpu")
"""Further places, unless a parameter has the name: the worker's number from 0, the trial's, the evaluation's folder,
a free port of this machine, and the worker's graphics card."""


def names_in(word: str) -> list[str]:
    """Return the names in a word's {places}.

    Raises:
        ValueError: unbalanced braces, or a place that is more than a name.
    """
    names = []
    try:
        parts = list(string.Formatter().parse(word))
    except ValueError as error:
        raise ValueError(f"{error}; write {{{{ and }}}} for braces") from None
    for _text, name, spec, conversion in parts:
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"{{{name}}} must be a plain parameter name; write {{{{ and }}}} for braces")
        names.append(name)
    return names


def as_text(value: Value | Sequence[object]) -> str:
    """Return a value as a command-line word: true and false in lower case, floats in full precision."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
