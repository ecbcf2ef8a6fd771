"""Finds JSON in whatever a model writes: alone, in prose or fences, cut off. Linear in the text, bounded in depth."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DEEPEST = 40
"""JSON that is nested more deeply is no answer."""

_FENCES, _CUTS = 20, 20


@dataclass(frozen=True)
class Found:
    """A JSON value in a text; `cut_off` when it had to be closed. `value` is None where `there` is false."""

    value: Any = None
    cut_off: bool = False
    there: bool = False


def find_json(text: str) -> Found:
    """Return the first JSON value in a text, or what is complete of one that is cut off."""
    if _depth(text) > DEEPEST:
        return Found()
    for candidate in _candidates(text):
        try:
            return Found(json.loads(candidate), there=True)
        except (ValueError, RecursionError):
            continue
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    for closed in _closings(text[start:]) if start >= 0 else ():
        try:
            value = json.loads(closed)
        except (ValueError, RecursionError):
            continue
        if value:
            return Found(value, cut_off=True, there=True)
    return Found()


def _depth(text: str) -> int:
    """Return how deeply brackets are nested, at least; brackets inside of strings count too, which only errs high."""
    deepest = depth = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth = max(0, depth - 1)
    return deepest


def _candidates(text: str) -> Iterator[str]:
    yield text
    for inside in text.split("```", 2 * _FENCES)[1::2]:
        yield inside.removeprefix("json")
    for opening, closing in (("{", "}"), ("[", "]")):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            yield text[start : end + 1]


def _closings(text: str) -> Iterator[str]:
    """Yield a cut-off JSON text closed after its last complete parts, longest first."""
    stack: list[str] = []
    in_string = escaped = False
    cuts: deque[tuple[int, str]] = deque(maxlen=_CUTS)
    for at, character in enumerate(text):
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
            continue
        if character == '"':
            in_string = True
        elif character in "{[":
            stack.append("}" if character == "{" else "]")
        elif character in "}]":
            if not stack:
                break
            stack.pop()
            cuts.append((at + 1, "".join(reversed(stack))))
        elif character == ",":
            cuts.append((at, "".join(reversed(stack))))
    for end, closing in reversed(cuts):
        yield text[:end] + closing
