"""Setting values in texts of known formats, by key: one function a format, listed in `FORMATS`.

Each takes a text, a key and a value, and returns the text with it; what else stands there stays, comments too where the
format's library keeps them. A key is dotted where the format nests; a list is written as the format writes one.
"""

from collections.abc import Callable
from functools import partial

from . import lines, nginx, trees

Setter = Callable[[str, str, object], str]

FORMATS: dict[str, Setter] = {
    "ini": lines.set_in_section,
    "properties": partial(lines.set_line, written=lines.plain, separator="="),
    "env": partial(lines.set_line, written=lines.for_shell, separator="="),
    "postgresql.conf": partial(lines.set_line, written=lines.for_postgresql, separator=" = "),
    "json": trees.set_in_json,
    "toml": trees.set_in_toml,
    "yaml": trees.set_in_yaml,
    "nginx.conf": nginx.set_directive,
}

_ENDINGS = {
    ".ini": "ini",
    ".cfg": "ini",
    ".properties": "properties",
    ".env": "env",
    ".json": "json",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def format_of(name: str) -> str | None:
    """Return the format that a file's name tells, None where it tells none."""
    base = name.rpartition("/")[2]
    if base in FORMATS:
        return base
    if base == "postgresql.auto.conf":
        return "postgresql.conf"
    return next((known for ending, known in _ENDINGS.items() if base.endswith(ending)), None)
