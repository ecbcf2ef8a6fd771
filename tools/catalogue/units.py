"""Units of settings, as systems write them behind a number."""

from collections.abc import Mapping

BYTES: Mapping[str, float] = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
MILLISECONDS: Mapping[str, float] = {
    "us": 0.001,
    "ms": 1.0,
    "s": 1000.0,
    "min": 60_000.0,
    "h": 3_600_000.0,
    "d": 86_400_000.0,
}
UNITS: Mapping[str, float] = {**BYTES, **MILLISECONDS}
"""Each in bytes or in milliseconds."""


def factor_of(unit: str) -> float | None:
    """Return how many bytes or milliseconds a unit is; None for what is none. Knows pages, such as '8kB', too."""
    if unit in UNITS:
        return UNITS[unit]
    digits = unit[: len(unit) - len(unit.lstrip("0123456789"))]
    rest = unit[len(digits) :]
    return int(digits) * UNITS[rest] if digits and rest in UNITS else None


def converted(value: float, unit: str, into: str) -> float | None:
    """Return a number in another unit; None where the two do not measure the same."""
    if unit == into:
        return value
    mine, wanted = factor_of(unit), factor_of(into)
    if mine is None or wanted is None or unit.endswith("B") != into.endswith("B"):
        return None
    return value * mine / wanted
