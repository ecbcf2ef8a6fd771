"""Compares the catalogue with a server, entry by entry: what is wrong there would be written into somebody's server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...catalogue import Catalogue, Knob
from ...catalogue.units import converted, factor_of

_TYPES = {"integer": "integer", "real": "real", "bool": "boolean", "enum": "choice", "string": "text"}
_CONTEXTS = {"postmaster": "restart", "sighup": "reload", "internal": "fixed"}
FACTS = "SELECT name, vartype, coalesce(unit, ''), context, boot_val, min_val, max_val, enumvals FROM pg_settings"


@dataclass(frozen=True)
class Fact:
    """A line of `pg_settings`, as far as the catalogue says the same; in the order of `FACTS`."""

    name: str
    vartype: str
    unit: str
    context: str
    default: str | None
    minimum: str | None
    maximum: str | None
    choices: list[str] | None


def differences(catalogue: Catalogue, facts: Mapping[str, Fact]) -> Iterator[str]:
    """Yield what differs, a line each."""
    for name, knob in catalogue.knobs.items():
        fact = facts.get(name)
        if fact is None:
            yield f"{name}: the server has no such setting"
        else:
            yield from (f"{name}: {said}" for said in _differences(knob, fact))


def _differences(knob: Knob, fact: Fact) -> Iterator[str]:
    type_, context = _TYPES[fact.vartype], _CONTEXTS.get(fact.context, "session")
    if knob.type != type_:
        yield f"type is {knob.type}, the server's {type_}"
        return
    if knob.context != context:
        yield f"context is {knob.context}, the server's {context}"
    if type_ in {"integer", "real"}:
        yield from _numbers(knob, fact)
        return
    if type_ == "choice" and set(knob.choices) != set(fact.choices or ()):
        yield f"choices are {knob.choices}, the server's {fact.choices}"
    mine = ("on" if knob.default else "off") if isinstance(knob.default, bool) else str(knob.default)
    if mine != (fact.default or ""):
        yield f"default is {mine!r}, the server's {fact.default!r}"


def _numbers(knob: Knob, fact: Fact) -> Iterator[str]:
    if bool(knob.unit) != bool(fact.unit) or (knob.unit and converted(1, knob.unit, fact.unit) is None):
        yield f"unit is {knob.unit!r}, the server counts in {fact.unit!r}"
        return
    if (knob.counted or knob.unit) != fact.unit:
        yield f"the server counts in {fact.unit!r}, not in {knob.counted or knob.unit!r}"
    step = 1.0 if fact.vartype == "integer" else 0.0
    for what, mine, theirs in (
        ("minimum", knob.minimum, fact.minimum),
        ("maximum", knob.maximum, fact.maximum),
        ("default", knob.default, fact.default),
    ):
        if mine is None or theirs is None:
            yield f"{what} is {mine}, the server's {theirs}"
            continue
        number = float(mine)
        counted = (
            number
            if number < 0 or not knob.unit
            else number * (factor_of(knob.unit) or 1) / (factor_of(fact.unit) or 1)
        )
        if abs(counted - float(theirs)) > (step / 2 or 1e-9 * abs(float(theirs))):
            yield f"{what} is {number:g} {knob.unit}".rstrip() + f", the server's {theirs} {fact.unit}".rstrip()
