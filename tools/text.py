"""Makes text of a program or a model harmless, in one place: for terminals, files, spreadsheets, stores and models.

`plain` is what may be shown and stored: no escapes, control characters, invisible or direction-changing characters,
lone surrogates. `one_line` cannot forge lines, `defused` cannot end the fence it stands in, `cell` is no formula.
"""

import re
import unicodedata
from collections.abc import Callable, Container
from typing import Any

LONGEST_LINE = 300
LONGEST_NAME = 200
"""Of a metric's name, in characters."""

_OPENING, _CLOSING = "<untrusted>", "</untrusted>"
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,64}[@-~]?"  # colours, cursor, modes
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # title, clipboard, links
    r"|\x1b[ -/]{0,8}[0-~]?"
)
# Shown as nothing by most fonts, so that text can hide in them (Unicode: Default_Ignorable_Code_Point).
_IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
_ODD = re.compile(r"[^ -~\n\t]")
_FORMULA = "=+-@＝＋－＠"
_BREAKS = str.maketrans("\n\t", "  ")
_FENCE = str.maketrans({"<": "(", ">": ")", "`": "'"})


def plain(text: str) -> str:
    """Return text without what a terminal obeys or a reader cannot see; line ends become newlines, tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _ODD.sub(_replaced, _IGNORED.sub("", text))


def visible(text: str) -> str:
    """Return text with what `plain` takes out, tabs, and line ends but the last as escapes: all of it is seen."""
    end = "\n" if text.endswith("\n") else ""
    body = text.removesuffix("\n")
    if body.isprintable() and plain(body) == body:
        return text
    return "".join(each if each.isprintable() and plain(each) == each else _escaped(each) for each in body) + end


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """Return text as one line of at most `most` characters."""
    if len(text) <= most and text.isascii() and text.isprintable() and text.strip() == text and "  " not in text:
        return text  # nearly always
    line = " ".join(plain(text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def defused(text: str, most: int = 160) -> str:
    """Return text as one short line that cannot end its own fence, of any kind."""
    return one_line(text, most).translate(_FENCE)


def fenced(text: str, most: int = 160) -> str:
    """Return text as a line for a model that holds tools: marked as data, never an instruction."""
    return f"{_OPENING}{defused(text, most)}{_CLOSING}"


def fenced_block(text: str) -> str:
    """Return lines of text between marks that are longer than any the text holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}\n{plain(text)}\n{marks}"


def cell(value: object) -> object:
    """Return a value for a spreadsheet: text that it would run as a formula is marked as text, numbers stay."""
    if not isinstance(value, str):
        return value
    line = one_line(value, 32_000)
    return f"'{line}" if line[:1] in _FORMULA and line and not _is_number(line) else line


def is_name(text: str) -> bool:
    """Whether text can be a metric's name: visible, on one line, of bounded length."""
    return 0 < len(text) <= LONGEST_NAME and text == one_line(text, LONGEST_NAME)


def neutral(data: Any) -> Any:
    """Return plain data (as JSON has it) with all its text, names included, made plain."""
    return _each_text(data, plain, ())


def neutral_line(data: Any, keep: Container[str] = ()) -> Any:
    """Return plain data with each text in it made plain and one line; what has a name of `keep` stays as it is."""
    return _each_text(data, _unbroken, keep)


def _unbroken(text: str) -> str:
    return plain(text).translate(_BREAKS)


def _each_text(data: Any, change: Callable[[str], str], keep: Container[str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {
            _each_text(name, change, keep): value if name in keep else _each_text(value, change, keep)
            for name, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [_each_text(each, change, keep) for each in data]
    return data


def _replaced(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    match unicodedata.category(character):
        case "Zl" | "Zp":
            return "\n"
        case "Zs":
            return " "
        case "Cs" | "Cn" | "Co":
            return "\ufffd"
        case _:
            return "\n" if character in "\x0b\x0c\x1c\x1d\x1e\x85" else ""


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
