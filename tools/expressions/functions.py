"""The functions and operators of expressions. None takes long or grows without bound, whatever it is given.

What has no value (a division by zero, the logarithm of a negative number, a number of more than 1,100 bits) is NaN.
"""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

_MOST_BITS = 1100
_MOST_DIGITS = 400


class Function(NamedTuple):
    """A function of numbers that takes from `least` to `most` arguments."""

    call: Callable[..., float]
    least: int = 1
    most: int = 1


def _round(value: float, digits: float = 0) -> float:
    """Round as Python does; digits beyond those that numbers have change nothing, or leave nothing."""
    if not float(digits).is_integer():
        return math.nan
    if digits < -_MOST_DIGITS:
        return 0.0
    return round(value, int(digits)) if 0 < abs(digits) <= _MOST_DIGITS else round(value) if digits == 0 else value


def _power(base: float, exponent: float) -> float:
    """Raise to a power; infinite where that is too large for a number, so that comparisons with it stay right."""
    endless = math.inf if base > 0 or exponent % 2 == 0 else -math.inf
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and exponent > 0 and (abs(int(base)).bit_length() - 1) * exponent > _MOST_BITS:
        return endless
    try:
        found = base**exponent
    except OverflowError:
        return endless
    return math.nan if isinstance(found, complex) else found


FUNCTIONS: dict[str, Function] = {
    "min": Function(min, 2, 100),
    "max": Function(max, 2, 100),
    "abs": Function(abs),
    "round": Function(_round, 1, 2),
    "floor": Function(math.floor),
    "ceil": Function(math.ceil),
    "sqrt": Function(math.sqrt),
    "exp": Function(math.exp),
    "log": Function(math.log, 1, 2),
    "log2": Function(math.log2),
    "log10": Function(math.log10),
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
SIGNS: dict[type[ast.unaryop], Callable[[Any], float]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", lambda a, b: bool(a != b and a == a and b == b)),  # NaN equals nothing
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: bool(a not in b and a == a)),
}


def bounded(function: Callable[..., float], *arguments: object) -> float:
    """Return a function of numbers that are not endless; NaN where there is no such number."""
    for each in arguments:
        if not _is_number(each):
            return math.nan
    try:
        found = function(*arguments)
    except (ArithmeticError, TypeError, ValueError):
        return math.nan
    return found if _is_number(found) else math.nan


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS)
