"""Tells repair of form from repair of meaning: what somebody meant is read, rounded and completed, never replaced.

Types, units, spelling and rounding to a step are form. A value that does not exist, lies outside the range or the
focus, or makes the configuration forbidden is refused with the reason, so that its author may mend it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..study.parameters import FloatParameter, IntParameter, Parameter
from ..study.parameters.base import read_number
from ..study.space import Clause, Space
from ..study.words import short

Misfit = Literal["invalid_value", "frozen", "forbidden"]

_ROUNDING = 0.01
"""How far outside of a range without steps a value is still rounding, as a share of the range."""


@dataclass(frozen=True)
class Misread:
    """Why values cannot be used as they were meant."""

    code: Misfit
    reason: str


def misread(values: Mapping[str, Any], space: Space) -> Misread | None:
    """Return why values are refused, None when repair only changes their form."""
    invalid: list[str] = []
    frozen: list[str] = []

    def choose(name: str, parameter: Parameter) -> Any:
        given = values.get(name)
        if given is None:
            return space.focused(name, parameter, parameter.default)
        value, why = parameter.mend(given)
        trouble = _changed(parameter, given, value) if why else ""
        if trouble:
            invalid.append(f"{name}={_shown(given)} {trouble}")
            return value
        focused = space.focused(name, parameter, value)
        if focused != value:
            frozen.append(
                f"{name}={short(value)} is outside of what a person lets the search try: {_range(space, name)}"
            )
        return focused

    configuration = space.draw(choose)
    if invalid:
        return Misread("invalid_value", "; ".join(invalid))
    if frozen:
        return Misread("frozen", "; ".join(frozen))
    clause = space.violated(configuration)
    return Misread("forbidden", forbidden_by(clause)) if clause is not None else None


def forbidden_by(clause: Clause) -> str:
    """Return why a configuration is forbidden."""
    return f"forbidden when {clause.expression.text}: {clause.reason}"


def _changed(parameter: Parameter, given: object, value: Any) -> str:
    """Return why a value cannot stand for what was given, '' where it only differs in form."""
    match parameter.type:
        case "float" | "int":
            number = read_number(given, parameter.unit)[0]
            if number is None or not _is_rounding(parameter, number, float(value)):
                return f"is not a number from {parameter.low:.12g} to {parameter.high:.12g}"
        case "bool":
            if parameter.mend(str(given).strip())[1] not in {"", "parsed"}:
                return "is not true or false"
        case "categorical" | "ordinal":
            if not _is_choice(parameter, given, value):
                return f"is not one of {', '.join(map(short, parameter.choices[:20]))}"
    return ""


def _is_rounding(parameter: FloatParameter | IntParameter, number: float, value: float) -> bool:
    """Whether a number and what it became are less than a step apart, or less than a hundredth of the range."""
    if not parameter.log or parameter.type == "int":
        return abs(number - value) < (parameter.step or _ROUNDING * (parameter.high - parameter.low))
    return number > 0 and abs(math.log(number / value)) < _ROUNDING * math.log(parameter.high / parameter.low)


def _is_choice(parameter: Any, given: object, value: Any) -> bool:
    """Whether a choice is what was given: by its name in any case, as a number equal to it, or between ordered ones."""
    if isinstance(value, str):
        return str(given).strip().strip("'\"").casefold() == value.casefold()
    number = read_number(given, parameter.unit)[0]
    if number is None:
        return False
    low, high = min(parameter.choices), max(parameter.choices)
    return bool(number == value or (parameter.type == "ordinal" and low <= number <= high))


def _range(space: Space, name: str) -> str:
    """Return what the focus leaves of a parameter."""
    parameter = space.parameters[name]
    match parameter.type:
        case "float" | "int":
            ends = [space.focused(name, parameter, end) for end in (parameter.low, parameter.high)]
            return f"only {short(ends[0])}" if ends[0] == ends[1] else f"{short(ends[0])} to {short(ends[1])}"
        case "bool":
            values: list[Any] = [False, True]
        case "categorical" | "ordinal":
            values = list(parameter.choices)
    return "only " + ", ".join(dict.fromkeys(short(space.focused(name, parameter, each)) for each in values[:50]))


def _shown(given: object) -> str:
    text = given if isinstance(given, str) else short(given) if isinstance(given, bool | int | float) else str(given)
    return text if len(text) <= 40 else f"{text[:37]}..."
