"""Reads metrics out of what an evaluation wrote: the last JSON line, a JSON file, or named patterns."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

_MAX_FILE = 16 << 20


class MetricsError(ValueError):
    """The output holds no usable metrics; the message says why in one line."""


def from_last_json_line(stdout: str) -> dict[str, float]:
    """Return the numbers of the last line that is a JSON object."""
    for line in reversed(stdout.splitlines()):
        found = of_json_line(line)
        if found is not None:
            return found
    raise MetricsError("printed no JSON line" if stdout.strip() else "printed nothing on standard output")


def of_json_line(line: str) -> dict[str, float] | None:
    """Return the numbers of a line that is a JSON object; None when it is none."""
    text = line.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        return _numbers(json.loads(text), "a JSON line")
    except (json.JSONDecodeError, RecursionError):
        return None


def from_json_file(path: Path) -> dict[str, float]:
    """Return the numbers of a JSON object in a file."""
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_FILE:
            raise MetricsError(f"{path.name} is a link or larger than 16 MiB")
        return _numbers(json.loads(path.read_text(errors="replace")), path.name)
    except OSError:
        raise MetricsError(f"wrote no {path.name}") from None
    except (json.JSONDecodeError, RecursionError):
        raise MetricsError(f"{path.name} is not JSON") from None


def from_patterns(stdout: str, patterns: Mapping[str, str]) -> dict[str, float]:
    """Return the last match of each pattern's group 1 as a number."""
    found = {}
    for name, pattern in patterns.items():
        matches = list(re.finditer(pattern, stdout))
        if not matches:
            raise MetricsError(f"output does not match patterns.{name}")
        text = str(matches[-1][1])
        try:
            found[name] = float(text.replace(",", ""))
        except ValueError:
            raise MetricsError(f"patterns.{name} found {text[:40]!r}, which is not a number") from None
    return found


def check_required(metrics: Mapping[str, float], required: tuple[str, ...]) -> dict[str, float]:
    """Return the finite metrics.

    Raises:
        MetricsError: a required metric is missing or not finite.
    """
    for name in required:
        if name not in metrics:
            has = ", ".join(sorted(metrics)[:10]) or "none"
            raise MetricsError(f"no metric {name!r} in the output (it has: {has})")
        if not math.isfinite(metrics[name]):
            raise MetricsError(f"metric {name!r} is {metrics[name]}")
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _numbers(data: object, where: str) -> dict[str, float]:
    if not isinstance(data, dict):
        raise MetricsError(f"{where} is not a JSON object")
    found = {}
    for name, value in data.items():
        if isinstance(value, int | float):
            try:
                found[str(name)] = float(value)
            except OverflowError:
                found[str(name)] = math.inf
    return found
