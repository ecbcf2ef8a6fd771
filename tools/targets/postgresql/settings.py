"""Values of settings: how they are written, and how what `pg_settings` says is compared with what was wanted.

`pg_settings` counts in units of its own, such as pages of 8 kB. Here a value is a number in the study's unit, or a
word; both sides are brought to bytes or milliseconds before they are compared.
"""

import math
from dataclasses import dataclass

from ...catalogue.units import BYTES, MILLISECONDS, UNITS, factor_of
from ...expressions import Value

_DIGITS = 6
"""Of a real number: the server shows no more, so no more are written."""


@dataclass(frozen=True)
class Row:
    """A line of `pg_settings`."""

    name: str
    setting: str
    unit: str
    vartype: str
    context: str
    source: str
    pending_restart: bool

    @property
    def needs_restart(self) -> bool:
        """Whether it changes only with a restart."""
        return self.context == "postmaster"

    @property
    def needs_reload(self) -> bool:
        """Whether a reload may change it; one that is 'internal' follows others at the start, such as memory in all."""
        return self.context not in {"postmaster", "internal"}

    @property
    def shown(self) -> str:
        """The value as people write it: '128MB' for 16384 pages of 8 kB."""
        return _readable(self.setting, self.unit) if self.unit else self.setting


def text_of(value: Value, unit: str) -> str:
    """Return a value as ALTER SYSTEM takes it, with its unit: '64MB', 'on', '0.9'."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value == int(value) and abs(value) < 1 << 53:
        value = int(value)
    if value < 0 or unit not in UNITS:  # -1 and the like mean something of their own
        return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
    return f"{value}{unit}" if isinstance(value, int) else _whole(value, unit)


def _whole(value: float, unit: str) -> str:
    """Return a broken number in the largest smaller unit in which it is nearly whole: 1.5 GB is 1536MB."""
    known = BYTES if unit in BYTES else MILLISECONDS
    for smaller in sorted((each for each in known if known[each] <= known[unit]), key=lambda each: -known[each]):
        number = value * known[unit] / known[smaller]
        if number >= 1 and abs(number - round(number)) < 1e-9 * number:
            return f"{round(number)}{smaller}"
    smallest = min(known, key=lambda each: known[each])
    return f"{round(value * known[unit] / known[smallest])}{smallest}"


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def statement(name: str, value: str | None) -> str:
    """Return the statement that writes an entry, or removes it."""
    quoted_name = ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
    return f"ALTER SYSTEM RESET {quoted_name}" if value is None else f"ALTER SYSTEM SET {quoted_name} = {quoted(value)}"


def in_effect(wanted: str, row: Row) -> bool:
    """Whether what was written is what `pg_settings` says; the server may round to its own unit."""
    if row.vartype in {"integer", "real"}:
        meant, found = _base(wanted, row.unit), _base(row.setting, row.unit)
        if meant is None or found is None:
            return wanted == row.setting
        step = (factor_of(row.unit) or 1.0) if row.vartype == "integer" else 0.0
        return abs(meant - found) <= max(step / 2, 0.5 * 10.0**-_DIGITS * max(abs(meant), abs(found)))
    if row.vartype == "bool":
        return _truth(wanted) == _truth(row.setting)
    return wanted.strip().lower() == row.setting.strip().lower()


def number_of(row: Row) -> float:
    """Return a numeric setting in bytes, milliseconds, or as it is where it has no unit; NaN for words."""
    found = _base(row.setting, row.unit)
    return math.nan if found is None else found


def _base(text: str, unit: str) -> float | None:
    """Return '64MB', or '8192' in pages of '8kB', in bytes or milliseconds; None where it is no number."""
    number = text.strip()
    for each in sorted(UNITS, key=len, reverse=True):
        if number.endswith(each) and _is_number(number.removesuffix(each)):
            return float(number.removesuffix(each)) * UNITS[each]
    return float(number) * (factor_of(unit) or 1.0) if _is_number(number) else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _truth(word: str) -> bool | str:
    known = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    return known.get(word.strip().lower(), word.strip().lower())


def _readable(setting: str, unit: str) -> str:
    factor, number = factor_of(unit), float(setting) if _is_number(setting) else None
    if factor is None or number is None or number < 0:
        return setting
    known = BYTES if unit.endswith("B") else MILLISECONDS
    whole = [each for each in known if number * factor % known[each] == 0 and number * factor >= known[each]]
    largest = max(whole, key=lambda each: known[each], default=None)
    return f"{number * factor / known[largest]:g}{largest}" if largest else f"{number:g}{unit if unit in known else ''}"
