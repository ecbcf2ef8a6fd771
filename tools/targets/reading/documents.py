"""JSON wherever it stands in a text, and the way to a number in it."""

import json
import re
from collections.abc import Callable
from typing import Any

_PATIENCE = 5000
_MOST_NUMBERS = 200
_START = re.compile(r'\{\s*["}]|\[\s*(?:[\[{"\]0-9-]|true\b|false\b|null\b|NaN\b|Infinity\b)')
_PART = re.compile(r"\[(-?[0-9]+|\*)\]")


def documents(text: str, parse: Callable[[str, int], tuple[Any, int]]) -> list[Any]:
    """Return the JSON objects and lists in a text, over one line or several, also behind other words on a line.

    `parse` reads a value from a place on and returns it with where it ends; it raises ValueError where there is none.
    """
    found = []
    at = spent = 0
    while spent < _PATIENCE and (start := _START.search(text, at)):
        try:
            value, at = parse(text, start.start())
            found.append(value)
        except json.JSONDecodeError as error:
            spent += 1 + (error.pos - start.start()) // 1000
            at = start.start() + 1
        except RecursionError:
            spent += _PATIENCE // 20
            at = start.start() + 1
    return found


def values_at(data: Any, path: str) -> list[Any]:
    """Return what stands at the end of a way: one value, several where it has a '*', none where it leads nowhere.

    Names may have dots in them: the longest name that is there is taken.
    """
    return _follow(data, _PART.sub(r".\1", path).lstrip(".").split("."))


def _follow(data: Any, parts: list[str]) -> list[Any]:
    if not parts:
        return [data]
    if isinstance(data, list):
        if parts[0] == "*":
            return [found for each in data for found in _follow(each, parts[1:])]
        index = int(parts[0]) if re.fullmatch(r"-?[0-9]{1,9}", parts[0]) else None
        there = index is not None and -len(data) <= index < len(data)
        return _follow(data[index], parts[1:]) if there and index is not None else []
    if isinstance(data, dict):
        if parts[0] == "*":
            return [found for each in data.values() for found in _follow(each, parts[1:])]
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in data:
                return _follow(data[name], parts[length:])
    return []


def numbers_in(data: Any) -> dict[str, float]:
    """Return the numbers of a JSON value by the way to each, the first few hundred."""
    found: dict[str, float] = {}
    waiting: list[tuple[str, Any]] = [("", data)]
    while waiting and len(found) < _MOST_NUMBERS:
        path, value = waiting.pop(0)
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, each in list(inner)[:_MOST_NUMBERS]:
            way = f"{path}.{name}" if path else str(name)
            if isinstance(each, float):
                found[way] = each
            elif isinstance(each, dict | list):
                waiting.append((way, each))
    return found
