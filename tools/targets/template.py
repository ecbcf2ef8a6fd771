"""Fills a configuration into a command's words."""

import string
from collections.abc import Mapping, Sequence

from ..expressions import Value

BUILT_IN = ("seed", "study_dir", "python")


def names_in(word: str) -> list[str]:
    """Return the names in a word's {places}.

    Raises:
        ValueError: unbalanced braces, or a place that is more than a name.
    """
    names = []
    for _text, name, spec, conversion in string.Formatter().parse(word):
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise ValueError(f"{{{name}}} must be a plain parameter name; write {{{{ and }}}} for braces")
        names.append(name)
    return names


def fill(words: Sequence[str], values: Mapping[str, Value]) -> list[str]:
    """Return the words with values filled in, without those that name a value which is not there."""
    texts = {name: as_text(value) for name, value in values.items()}
    return [word.format_map(texts) for word in words if all(name in texts for name in names_in(word))]


def as_text(value: Value) -> str:
    """Return a value as a command-line word: true and false in lower case, floats in full precision."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
