"""nginx.conf: directives in nested blocks. A key is the path of names, such as 'http.server.gzip_comp_level'."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .lines import plain

_TOKEN = re.compile(r"""#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{};]|(?:\$\{|\\.|[^\s{};#"'])+|\s+""")


@dataclass(frozen=True)
class _Statement:
    """A directive (from its name to its semicolon), or a block (to its brace that opens), with the names around it."""

    path: tuple[str, ...]
    start: int
    end: int
    is_block: bool


def set_directive(text: str, key: str, value: object) -> str:
    """Return the text with the first directive of this path changed, or added at the end of its block.

    Raises:
        ValueError: braces do not match, or the block is not there.
    """
    path = tuple(key.split("."))
    values = " ".join(map(plain, value)) if isinstance(value, list | tuple) else _word(plain(value))
    if isinstance(value, bool):
        values = "on" if value else "off"
    new = f"{path[-1]} {values};"
    statements, closings = _read(text)
    for each in statements:
        if each.path == path and not each.is_block:
            return text[: each.start] + new + text[each.end :]
    if len(path) == 1:
        return (text if text.endswith("\n") or not text else text + "\n") + new + "\n"
    for each in statements:
        if each.path == path[:-1] and each.is_block:
            at = closings[each.end]
            return f"{text[:at].rstrip()}\n{'    ' * (len(path) - 1)}{new}\n{'    ' * (len(path) - 2)}{text[at:]}"
    raise ValueError(f"{key!r}: there is no block {'.'.join(path[:-1])!r}")


def _word(text: str) -> str:
    return text if re.fullmatch(r"[^\s{};\"'#]+(?: [^\s{};\"'#]+)*", text) else '"' + text.replace('"', '\\"') + '"'


def _read(text: str) -> tuple[list[_Statement], dict[int, int]]:
    """Return the statements, and where the block that opens before a place closes."""
    found: list[_Statement] = []
    closings: dict[int, int] = {}
    around: list[tuple[str, int]] = []
    name, start = "", 0
    for word, at in _tokens(text):
        path = tuple(each for each, _at in around)
        if word == "}":
            if not around:
                raise ValueError("a } too many")
            closings[around.pop()[1]] = at
            name = ""
        elif word in {";", "{"}:
            found.append(_Statement((*path, name), start, at + 1, word == "{"))
            if word == "{":
                around.append((name, at + 1))
            name = ""
        elif not name:
            name, start = word, at
    if around:
        raise ValueError(f"the block {around[-1][0]!r} is not closed")
    return found, closings


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    for found in _TOKEN.finditer(text):
        if not found[0].isspace() and not found[0].startswith("#"):
            yield found[0], found.start()
