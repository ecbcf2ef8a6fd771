"""Reads metrics out of what an evaluation wrote: the last JSON line, or a JSON file. All of it is hostile.

Numbers are finite or refused, `true` and `false` are none, a name is visible text of bounded length that is given
once. What is read is bounded, and reading never waits.
"""

import errno
import json
import math
import os
import stat
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...text import is_name, one_line
from .documents import documents

_MAX_BYTES = 4 << 20
_MAX_METRICS = 1000
_LONGEST_WATCHED = 64 << 10
_READ_ONLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY


class MetricsError(ValueError):
    """The output holds no usable metrics; the message says why in one line."""


def from_last_json_line(stdout: str) -> dict[str, float] | None:
    """Return the numbers of the last line that is a JSON object; None where no line is.

    Raises:
        MetricsError: that line gives a name twice, or too many.
    """
    lines = reversed(stdout.replace("\r", "\n").split("\n"))
    return next((found for line in lines if (found := of_json_line(line)) is not None), None)


def of_json_line(line: str) -> dict[str, float] | None:
    """Return the numbers of a line that is a JSON object; None when it is none.

    Raises:
        MetricsError: the object gives a name twice, or too many.
    """
    text = line.strip()
    if not (text.startswith("{") and text.endswith("}") and len(text) <= _MAX_BYTES):
        return None
    try:
        return _numbers(_parsed(text), "a JSON line")
    except (json.JSONDecodeError, RecursionError):
        return None


def of_watched_line(line: str) -> dict[str, float]:
    """Return the finite numbers of a JSON line that a running evaluation prints; none when it is no usable one."""
    if len(line) > _LONGEST_WATCHED:
        return {}
    try:
        found = of_json_line(line) or {}
    except MetricsError:
        return {}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def documents_in(text: str) -> list[Any]:
    """Return the JSON objects and lists that stand in a text, every number as a float.

    Raises:
        MetricsError: one gives a name twice.
    """
    return documents(text, json.JSONDecoder(parse_int=float, object_pairs_hook=_once).raw_decode)


def document_of(text: str, where: str) -> Any:
    """Return the JSON object or list that a text is, every number as a float.

    Raises:
        MetricsError: it is none, or gives a name twice.
    """
    try:
        found = _parsed(text)
    except (json.JSONDecodeError, RecursionError):
        raise MetricsError(f"{where} is not JSON") from None
    if not isinstance(found, dict | list):
        raise MetricsError(f"{where} is not a JSON object")
    return found


def numbers_of(document: Any, where: str) -> dict[str, float]:
    """Return the numbers of a JSON object by name; none of a list.

    Raises:
        MetricsError: there are too many.
    """
    return _numbers(document, where) if isinstance(document, dict) else {}


def from_json_file(path: Path) -> dict[str, float]:
    """Return the numbers of a JSON object in a file that an evaluation wrote."""
    return _numbers(document_of(read_text(path), path.name), path.name)


def read_text(path: Path) -> str:
    """Return the text of a file that an evaluation wrote; anything but a plain file of bounded size is refused.

    Raises:
        MetricsError: it is not there, or refused.
    """
    try:
        file = os.open(path, _READ_ONLY)
    except OSError as error:
        raise MetricsError(_unread(path, error)) from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise MetricsError(f"{path.name} is not a plain file")
        if found.st_size > _MAX_BYTES:
            raise MetricsError(f"{path.name} is larger than {_MAX_BYTES >> 20} MiB")
        with os.fdopen(file, "rb", closefd=False) as opened:
            return opened.read(_MAX_BYTES).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise MetricsError(_unread(path, error)) from None
    finally:
        os.close(file)


def _unread(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"wrote no {path.name}"
        case errno.ELOOP:
            return f"{path.name} is a link, not a plain file"
        case errno.ENXIO:
            return f"{path.name} is not a plain file"
    return f"{path.name} cannot be read: {error.strerror}"


def check_required(metrics: Mapping[str, float], required: tuple[str, ...]) -> dict[str, float]:
    """Return the finite metrics.

    Raises:
        MetricsError: a required metric is missing or not finite.
    """
    for name in required:
        if name not in metrics:
            has = ", ".join(one_line(each, 40) for each in sorted(metrics)[:10]) or "none"
            raise MetricsError(f"no metric {name!r} in the output (numbers it has: {has})")
        if not math.isfinite(metrics[name]):
            raise MetricsError(f"metric {name!r} is {metrics[name]}")
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, every number as a float: of any length, and too large ones infinite."""
    return json.loads(text, parse_int=float, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise MetricsError(f"the metric {one_line(twice, 40)!r} is given twice")
    return found


def _numbers(data: object, where: str) -> dict[str, float]:
    if not isinstance(data, dict):
        raise MetricsError(f"{where} is not a JSON object")
    found = {name: value for name, value in data.items() if isinstance(value, float) and is_name(name)}
    if len(found) > _MAX_METRICS:
        raise MetricsError(f"{where} has more than {_MAX_METRICS} metrics")
    return found
