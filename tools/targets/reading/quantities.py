"""Numbers as programs print them: with units, groups of thousands, decimal commas. What is ambiguous is refused.

A time is in seconds, a size in bytes, everything else in ones, unless another unit is asked for.
"""

import re
from dataclasses import dataclass

_LONGEST = 400
_TIMES = {
    1e-9: "ns nsec nanosecond nanoseconds",
    1e-6: "us µs μs usec microsecond microseconds",
    1e-3: "ms msec msecs millisecond milliseconds",
    1.0: "s sec secs second seconds",
    60.0: "m min mins minute minutes",
    3600.0: "h hr hrs hour hours",
    86400.0: "d day days",
}
_THINGS = (
    "op ops req reqs request requests query queries tx txn call calls iter iteration iterations it item items event"
)
_RATES = "iops tps qps rps"
_PREFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}

_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORDS = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_GROUPS = "'’_ \u00a0\u2009\u202f"
_GROUPED = re.compile(rf"([+-]?[0-9]{{1,3}})((?:[{_GROUPS}][0-9]{{3}})+)([.,][0-9]+)?")
_COMMAS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(\.[0-9]*)?")
_DOTS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_CLOCK = re.compile(r"([+-]?)(?:([0-9]+):)?([0-9]+):([0-5]?[0-9](?:[.,][0-9]+)?)")
_SPANS = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?\s?(?:ns|us|µs|μs|ms|s|m|min|h|d)\s?){2,}")
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?(ns|us|µs|μs|ms|s|min|m|h|d)")
_UNIT_AFTER = re.compile(r"\s*([^\s0-9.,+-].*)?", re.DOTALL)


class QuantityError(ValueError):
    """A text is no number, or may be several; the message continues 'found TEXT, which ...'."""


@dataclass(frozen=True)
class Unit:
    """A unit: what one of it is in seconds, bytes or ones, and which of them ('' is a bare number)."""

    scale: float = 1.0
    dimension: str = ""


def unit_of(text: str) -> Unit | None:
    """Return the unit that a text names, such as 'ms', 'MiB/s' or 'req/s'; None for none that is known."""
    first, slash, per = text.strip().replace(" per ", "/").partition("/")
    unit = _simple(first.strip()) if first.strip() else Unit(1.0, "count")
    if unit is None or not slash:
        return unit
    divisor = _simple(per.strip())
    if divisor is None or divisor.dimension not in {"time", "count"}:
        return None
    return Unit(unit.scale / divisor.scale, unit.dimension)


def read_number(text: str, unit: str = "", *, decimal: str = "", printed_in: str = "") -> tuple[float, Unit]:
    """Return the number that a text is, and the unit it was printed in.

    It is given in `unit`; without one in seconds, bytes or ones. `decimal` says which sign stands before decimals,
    where the text does not say; `printed_in` is the unit of numbers that are printed without.

    Raises:
        QuantityError: it is no number, or may be several, or its unit is unknown or of another kind.
    """
    value, printed = _measured(text.strip()[:_LONGEST], decimal)
    if not printed.dimension and printed_in:
        printed = unit_of(printed_in) or printed
    wanted = unit_of(unit) if unit else None
    if wanted is None or not printed.dimension:
        return value * printed.scale, printed
    if not _alike(wanted, printed):
        raise QuantityError(f"is no number of {unit}")
    return value * (printed.scale / wanted.scale), printed


def _measured(text: str, decimal: str) -> tuple[float, Unit]:
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = clock[2] or "0", clock[3], clock[4].replace(",", ".")
        value = 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
        return (-value if clock[1] == "-" else value), Unit(1.0, "time")
    if _SPANS.fullmatch(text):
        return sum(float(n) * (unit_of(u) or Unit()).scale for n, u in _SPAN.findall(text)), Unit(1.0, "time")
    number, rest = _split(text)
    value = _plain(number, decimal)
    named = rest.strip().strip("[]()")
    if not named:
        return value, Unit()
    unit = unit_of(named)
    if unit is None:
        raise QuantityError(f"is not a number: {named[:20]!r} is no known unit" if number else "is not a number")
    return value, unit


def _split(text: str) -> tuple[str, str]:
    """Return the part of a text that is a number, and the rest."""
    for form in (_GROUPED, _COMMAS, _DOTS, _WORDS):
        found = form.match(text)
        if found and not text[found.end() :][:1].isdigit() and _UNIT_AFTER.fullmatch(text[found.end() :]):
            return found[0], text[found.end() :]
    found = re.match(r"[+-]?[0-9.,]*(?:[eE][+-]?[0-9]+)?", text)
    assert found is not None  # it matches '' at least
    return found[0], text[found.end() :]


def _plain(number: str, decimal: str) -> float:
    """Return a number without unit as a float."""
    if _PLAIN.fullmatch(number) and not (decimal == "," and "." in number):
        return float(number)
    if _WORDS.fullmatch(number):
        return float(number)
    grouped = _GROUPED.fullmatch(number)
    if grouped:
        digits = re.sub(rf"[{_GROUPS}]", "", grouped[1] + grouped[2])
        return float(digits + (grouped[3] or "").replace(",", "."))
    if decimal == ",":
        if re.fullmatch(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[+-]?[0-9]+,[0-9]+", number):
            return float(number.replace(".", "").replace(",", "."))
        raise QuantityError("is not a number with a decimal comma")
    if _COMMAS.fullmatch(number) and not number.lstrip("+-").startswith("0"):
        if number.count(",") == 1 and "." not in number and decimal != ".":
            one, other = number.replace(",", ""), number.replace(",", ".")
            raise QuantityError(f"may be {one} or {other}: say decimal = '.' or decimal = ','")
        return float(number.replace(",", ""))
    if decimal != "." and _DOTS.fullmatch(number):
        return float(number.replace(".", "").replace(",", "."))
    if decimal != "." and re.fullmatch(r"[+-]?[0-9]+,[0-9]+", number):
        return float(number.replace(",", "."))
    raise QuantityError("is not a number")


def _simple(text: str) -> Unit | None:
    for scale, names in _TIMES.items():
        if text in names.split():
            return Unit(scale, "time")
    multiple, _blank, thing = text.partition(" ")
    if multiple in _PREFIXES and thing in _THINGS.split():
        return Unit(_PREFIXES[multiple], "count")
    if text == "%":
        return Unit(1.0, "percent")
    if text in {*_THINGS.split(), *_RATES.split()}:
        return Unit(1.0, "count")
    for kind, ends in (("bytes", ("", "B", "byte", "bytes")), ("bits", ("bit", "bits", "bps"))):
        for end in ends:
            prefix = text.removesuffix(end) if end else text
            found = {**_PREFIXES, **_BINARY, **({"": 1.0} if end else {})}.get(prefix)
            if found is not None and text.endswith(end):
                return Unit(found, kind if end else "count")
    return None


def _alike(wanted: Unit, printed: Unit) -> bool:
    """Whether one can be given in the other; a bare prefix, as in 12M, may be of anything but a time."""
    kinds = {wanted.dimension, printed.dimension}
    return len(kinds) == 1 or ("count" in kinds and not kinds & {"time", "percent"})
