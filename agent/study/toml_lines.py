"""Finds the line of a field in a TOML text, which the standard library's parser does not tell."""

import re
from collections import Counter

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, path: Path) -> int:
    """Return the line (from 1) where `path` stands, or where the nearest of its parents does.

    Array-of-tables entries count as integers: ("forbidden", 1, "when").
    """
    lines = _lines(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _lines(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    tables: Counter[Path] = Counter()
    here: Path = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        inside = bool(quote)
        quote = _open_quote(line, quote)
        if inside:
            continue
        if header := _HEADER.match(line):
            here = tuple(_parts(header[2]))
            if header[1] == "[[":
                tables[here] += 1
                found.setdefault(here, number)
                here = (*here, tables[here] - 1)
            found[here] = number
        elif keyed := _KEY.match(line):
            path = (*here, *_parts(keyed[1]))
            for length in range(len(here) + 1, len(path) + 1):
                found.setdefault(path[:length], number)
    return found


def _parts(text: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(text)]


def _open_quote(line: str, quote: str) -> str:
    """Return the multi-line quote that is open after this line."""
    for found in re.findall(r'"""|' + "'''", line):
        if not quote:
            quote = found
        elif found == quote:
            quote = ""
    return quote
