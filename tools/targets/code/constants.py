"""Constants of a program: literals that have a name, found in its syntax, and replaced by other values.

A constant is a name of a Python module in capitals that is set once ('LIMIT'), a field of a class with a default
('Index.width'), or a number that a C file defines ('TILE'). Nothing is run, and nothing but the literal is replaced.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...expressions import Value
from ...text import one_line
from .edits import EditError

_DEFINED = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\(?[-+]?[\d.]+(?:[eE][-+]?\d+)?\)?)(?=[ \t]*(?:$|//|/\*))", re.MULTILINE
)


@dataclass(frozen=True)
class Constant:
    """A constant with its value, and where its literal stands in the text: from `start` up to `end`."""

    name: str
    value: int | float | bool
    start: int
    end: int


def constants_in(file: str, text: str) -> dict[str, Constant]:
    """Return the constants of a file by name, without those that are set more than once."""
    suffix = Path(file).suffix
    if suffix == ".py":
        found = list(_of_python(text))
    elif suffix in {".c", ".h", ".cc", ".cpp", ".hpp"}:
        found = list(_of_c(text))
    else:
        found = []
    names = [each.name for each in found]
    return {each.name: each for each in found if names.count(each.name) == 1}


def with_constants(texts: Mapping[str, str], values: Mapping[str, Value]) -> dict[str, str]:
    """Return the files with constants set; `values` maps FILE:NAME to the value.

    Raises:
        EditError: there is no such constant (any more).
    """
    changed = dict(texts)
    for place, value in values.items():
        file, _, name = place.rpartition(":")
        known = constants_in(file, changed.get(file, ""))
        if name not in known:
            there = ", ".join(known) or "none"
            raise EditError(f"{one_line(file, 80)} has no constant {one_line(name, 60)!r}", f"it has: {there}")
        at, text = known[name], changed[file]
        changed[file] = text[: at.start] + _written(file, value) + text[at.end :]
    return changed


def _written(file: str, value: Value) -> str:
    if file.endswith(".py"):
        return repr(value)
    text = str(int(value)) if isinstance(value, bool) else repr(value)
    return f"({text})" if text.startswith("-") else text


def _of_python(text: str) -> Iterator[Constant]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    data = text.encode()  # columns are counted in bytes
    for prefix, node in _assignments(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        literal = node.value
        if not isinstance(target, ast.Name) or literal is None or not (prefix or target.id.isupper()):
            continue
        try:
            value = ast.literal_eval(literal)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
        if type(value) not in (int, float, bool) or literal.end_lineno is None or literal.end_col_offset is None:
            continue
        first = starts[literal.lineno - 1] + literal.col_offset
        last = starts[literal.end_lineno - 1] + literal.end_col_offset
        yield Constant(prefix + target.id, value, len(data[:first].decode()), len(data[:last].decode()))


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield "", node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.", each) for each in node.body if isinstance(each, ast.AnnAssign))


def _of_c(text: str) -> Iterator[Constant]:
    for found in _DEFINED.finditer(text):
        bare = found[2].strip("()")
        try:
            value: int | float = int(bare)
        except ValueError:
            try:
                value = float(bare)
            except ValueError:
                continue
        yield Constant(found[1], value, found.start(2), found.end(2))
