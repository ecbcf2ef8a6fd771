"""Finds the line of a field in a TOML text, which the parsers do not tell.

It reads texts that the standard library's parser accepts: headers, dotted keys, inline tables and arrays over any
number of lines.
"""

import re
import tomllib
from bisect import bisect_right
from functools import lru_cache

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?'{3,5}(?!')|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def line_of(text: str, path: Path) -> int:
    """Return the line (from 1) where `path` stands, or where the nearest of its parents does.

    Entries of arrays count as integers: ("forbidden", 1, "when").
    """
    lines = _lines(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[Path, int]:
    try:
        return _Reader(text).document()
    except RecursionError:
        return {}


class _Reader:
    """Walks once through a text and remembers where each path begins."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.found: dict[Path, int] = {}
        self._ends = [match.end() for match in re.finditer("\n", text)]

    def document(self) -> dict[Path, int]:
        """Return the line of every path."""
        last: dict[Path, int] = {}  # the latest entry of each array of tables
        here: Path = ()
        while not self._over():
            before = self.at
            if self.text[self.at] == "[":
                here = self._header(last)
            else:
                self._assignment(here)
            if self.at == before:  # no TOML after all
                break
        return self.found

    def _header(self, last: dict[Path, int]) -> Path:
        line = self._line()
        here: Path = ()
        several = self.text.startswith("[[", self.at)
        self.at += 1 + several
        parts = self._keys()
        for part in parts[:-1]:
            here = (*here, part)
            self.found.setdefault(here, line)
            here = (*here, last[here]) if here in last else here
        here = (*here, *parts[-1:])
        self.found.setdefault(here, line)
        if several:
            last[here] = last.get(here, -1) + 1
            here = (*here, last[here])
        self.found[here] = line
        self.at += 1 + several
        return here

    def _assignment(self, here: Path) -> None:
        line = self._line()
        for part in self._keys():
            here = (*here, part)
            self.found.setdefault(here, line)
        self._skip("=")
        self._value(here)

    def _keys(self) -> list[str]:
        parts = []
        while not self._over() and (match := _KEY.match(self.text, self.at)):
            self.at = match.end()
            quoted = match[0][0] in "\"'"
            parts.append(str(tomllib.loads(f"key = {match[0]}")["key"]) if quoted else match[0])
            if not self._skip("."):
                break
        return parts

    def _value(self, here: Path) -> None:
        if self._skip("["):
            self._entries(here, "]")
        elif self._skip("{"):
            self._entries(here, "}")
        elif string := _STRING.match(self.text, self.at):
            self.at = string.end()
        else:
            self.at = _SCALAR.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches '' at least

    def _entries(self, here: Path, end: str) -> None:
        count = 0
        while not self._skip(end) and self.at < len(self.text):
            before = self.at
            if end == "]":
                self.found.setdefault((*here, count), self._line())
                self._value((*here, count))
            else:
                self._assignment(here)
            count += 1
            self._skip(",")
            if self.at == before:
                break

    def _skip(self, sign: str) -> bool:
        """Go past blanks, and past `sign` where it comes next."""
        if self._over() or self.text[self.at] != sign:
            return False
        self.at += 1
        self._over()
        return True

    def _over(self) -> bool:
        """Go past blanks and comments; whether the text ends there."""
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches '' at least
        return self.at >= len(self.text)

    def _line(self) -> int:
        return bisect_right(self._ends, self.at) + 1
