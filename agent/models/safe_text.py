"""Makes what an endpoint sent safe before it goes on: no keys, no lone surrogates, no control characters, bounded.

A key is found as it is, in parts of eight characters, and in the encodings in which servers quote it.
"""

import base64
import html
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from ...tools.text import plain

LONGEST_TEXT = 200_000
"""Characters of an answer that are looked at; a longer one is cut."""

_REMOVED = "[removed]"
_LOOKS_LIKE_A_KEY = re.compile(r"\b(sk|pk|key|ghp|xox[a-z])-[A-Za-z0-9_\-]{8,}")
_SECRET_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_SHORTEST_KEY, _PART, _ENCODED_PART, _LONG_KEY = 8, 8, 12, 20
_MOST_PARTS, _DEEPEST, _LONGEST_NAME = 20_000, 24, 200
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_known: set[str] = set()


def remember_key(key: str) -> None:
    """Have a key removed from now on, also when it is not in the environment."""
    if len(key) >= _SHORTEST_KEY:
        _known.add(key)


def redact(text: str) -> str:
    """Return text without keys: those in the environment or remembered, and what looks like one."""
    return _redacted(text, _keys())


def safe(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text that may be shown, stored and sent: without keys, control characters and lone surrogates, cut."""
    return redact(plain(text[:longest]))


def safe_data(data: Any) -> Any:
    """Return plain data whose texts are safe; what is nested too deeply or is too much is left out."""
    return _Safe(_keys()).of(data, _DEEPEST)


class _Safe:
    """Makes data safe, up to a number of parts."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.left = keys, _MOST_PARTS

    def of(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if isinstance(value, dict):
            items = value.items() if depth else ()
            return {
                self.text(str(name), _LONGEST_NAME): self.of(each, depth - 1) for name, each in items if self.left > 0
            }
        if isinstance(value, list | tuple):
            return [self.of(each, depth - 1) for each in (value if depth else ()) if self.left > 0]
        if isinstance(value, bool | int | float) or value is None:
            return value
        return self.text(str(value), LONGEST_TEXT)

    def text(self, text: str, longest: int) -> str:
        return _redacted(plain(text[:longest]), self.keys)


def _redacted(text: str, keys: Iterable[str]) -> str:
    if len(text) < _SHORTEST_KEY:
        return text
    for key in keys:
        text = _without(text, key)
    return _LOOKS_LIKE_A_KEY.sub(_REMOVED, text)


def _keys() -> list[str]:
    """Return the keys, the longest first: one may be a part of another."""
    found = {value for name, value in os.environ.items() if _SECRET_NAMES.search(name)}
    return sorted((key for key in found | _known if len(key) >= _SHORTEST_KEY), key=len, reverse=True)


def _without(text: str, key: str) -> str:
    """Return text without a key, its parts and its encodings; linear in the text."""
    for whole in _spellings(key):
        text = text.replace(whole, _REMOVED)
    if len(key) < _LONG_KEY:  # parts of a short one are words that anybody may use
        return text
    folded, at, kept = text.translate(_LOWER), 0, []
    while (found := _next_part(folded, at, key)) is not None:
        start, end = found
        kept += [text[at:start], _REMOVED]
        at = end
    return "".join([*kept, text[at:]]) if kept else text


def _next_part(folded: str, at: int, key: str) -> tuple[int, int] | None:
    """Return where the next run of a key's parts is, from its first to behind its last character."""
    parts = _parts(key)
    for start in range(at, len(folded) - _PART + 1):
        for size in (_ENCODED_PART, _PART):
            if folded[start : start + size] in parts[size]:
                end = start + size
                while folded[end - size + 1 : end + 1] in parts[size] and end < len(folded):
                    end += 1
                return start, end
    return None


@lru_cache(maxsize=64)
def _parts(key: str) -> dict[int, frozenset[str]]:
    """Return the parts of a key that give it away, and longer ones of its encodings, in small letters."""
    plain = frozenset(_windows(key, _PART))
    encoded = frozenset(part for each in _spellings(key)[1:] for part in _windows(each, _ENCODED_PART))
    return {_PART: plain, _ENCODED_PART: encoded}


def _windows(text: str, size: int) -> Iterator[str]:
    folded = text.translate(_LOWER)
    return (folded[at : at + size] for at in range(len(folded) - size + 1))


@lru_cache(maxsize=64)
def _spellings(key: str) -> tuple[str, ...]:
    """Return a key as it is and as servers encode it."""
    raw = key.encode(errors="replace")
    found = [key, quote(key, safe=""), html.escape(key), key[::-1], raw.hex(), "".join(f"%{byte:02X}" for byte in raw)]
    for shift in range(3):  # what stands before a key in a header decides how it is aligned
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = encoded[-(-shift * 8 // 6) : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
        found += [inner, inner.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(found))
