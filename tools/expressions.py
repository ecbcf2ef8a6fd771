"""Expressions over named values: parsed into a syntax tree, checked, and interpreted; never `eval`ed.

Used for the conditions and forbidden clauses of a search space, and for the values a catalogue recommends.
The syntax is Python's, cut down to comparisons, `and` / `or` / `not`, `in`, arithmetic, `x if c else y`
and the functions in `FUNCTIONS`.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

Value = bool | int | float | str
Kind = Literal["number", "string", "bool"]

MAX_LENGTH = 1000
_MOST_BITS = 1100
_MOST_DIGITS = 400


def _round(value: float, digits: float = 0) -> float:
    """Round as Python does; digits beyond those that numbers have change nothing, or leave nothing."""
    if not float(digits).is_integer():
        return math.nan
    if digits < -_MOST_DIGITS:
        return 0.0
    return round(value, int(digits)) if 0 < abs(digits) <= _MOST_DIGITS else round(value) if digits == 0 else value


FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": _round,
    "floor": math.floor,
}
_MOST_ARGUMENTS = {"abs": 1, "round": 2, "floor": 1}

_COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class ExpressionError(ValueError):
    """The text is not an expression of this language, or compares things that cannot be compared."""


class MissingValueError(LookupError):
    """An expression names a value that is not there, such as an inactive parameter."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names` are the values it needs."""

    text: str
    names: frozenset[str]
    _tree: ast.expr

    def __call__(self, values: Mapping[str, Value]) -> object:
        """Return the expression's value.

        Raises:
            MissingValueError: a name has no value.
        """
        return _value(self._tree, values)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether the expression is true. One that names an inactive parameter does not hold."""
        try:
            return bool(self(values))
        except MissingValueError:
            return False

    def kind(self, kinds: Mapping[str, Kind]) -> Kind:
        """Return what the expression yields when its names have these kinds.

        Raises:
            ExpressionError: an unknown name, or an operation between kinds that do not go together.
        """
        return _kind(self._tree, kinds)

    def constants_compared_with(self, name: str) -> list[Value]:
        """Return the literals that the expression compares with `name`, to tell typing errors from values."""
        found: list[Value] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Name) and side.id == name for side in sides):
                    found += [leaf.value for side in sides for leaf in _literals(side)]  # type: ignore[misc]
        return found


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse `text`; what was parsed is remembered.

    Raises:
        ExpressionError: with a message that says what is not allowed.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"not an expression: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("not an expression") from None
    if max((depth for _, depth in _walk(tree, 0)), default=0) > 60:
        raise ExpressionError("nested too deeply")
    for node, _ in _walk(tree, 0):
        _check_node(node)
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in calls}
    return Expression(text=text.strip(), names=frozenset(names - {"true", "false"}), _tree=tree)


def _walk(root: ast.AST, depth: int) -> list[tuple[ast.AST, int]]:
    found, waiting = [], [(root, depth)]
    while waiting:
        node, level = waiting.pop()
        found.append((node, level))
        waiting += [(child, level + 1) for child in ast.iter_child_nodes(node)]
    return found


def _check_node(node: ast.AST) -> None:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            if isinstance(value, float) and not math.isfinite(value):
                raise ExpressionError("numbers must be finite")
        case ast.BinOp(op=op) if type(op) not in _ARITHMETIC:
            raise ExpressionError(f"the operator {type(op).__name__} is not allowed")
        case ast.UnaryOp(op=op) if not isinstance(op, ast.Not | ast.USub | ast.UAdd):
            raise ExpressionError(f"the operator {type(op).__name__} is not allowed")
        case ast.Compare(ops=ops) if any(type(op) not in _COMPARE for op in ops):
            raise ExpressionError("only == != < <= > >= in, not in compare values")
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            if not node.args:
                raise ExpressionError(f"{name}() needs an argument")
            if len(node.args) > (most := _MOST_ARGUMENTS.get(name, len(node.args))):
                raise ExpressionError(f"{name}() takes at most {most} arguments")
        case ast.Call():
            raise ExpressionError(f"only these functions may be called: {', '.join(FUNCTIONS)}")
        case ast.BoolOp() | ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.IfExp() | ast.Name():
            pass
        case ast.List() | ast.Tuple() | ast.Load() | ast.boolop() | ast.operator() | ast.unaryop() | ast.cmpop():
            pass
        case _:
            raise ExpressionError(f"{type(node).__name__} is not allowed here")


def _literals(node: ast.expr) -> list[ast.Constant]:
    if isinstance(node, ast.List | ast.Tuple):
        return [item for item in node.elts if isinstance(item, ast.Constant)]
    return [node] if isinstance(node, ast.Constant) else []


def _value(node: ast.expr, values: Mapping[str, Value]) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id="true" | "false" as word):
            return word == "true"
        case ast.Name(id=name):
            if name not in values:
                raise MissingValueError(name)
            return values[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, values) for item in items]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, values) else orelse, values)
        case ast.Compare():
            return _compare(node, values)
        case _:
            return _number(node, values)


def _number(node: ast.expr, values: Mapping[str, Value]) -> object:
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return _bounded(operator.neg if isinstance(op, ast.USub) else operator.pos, [_value(operand, values)])
        case ast.BinOp(left=left, op=op, right=right):
            return _bounded(_ARITHMETIC[type(op)], [_value(left, values), _value(right, values)])
        case ast.Call(func=ast.Name(id=name), args=args):
            return _bounded(FUNCTIONS[name], [_value(arg, values) for arg in args])
        case _:
            raise ExpressionError(f"{type(node).__name__} is not allowed here")


def _bounded(function: Callable[..., float], arguments: list[object]) -> float:
    """Return a function of numbers that are not endless; NaN where there is no such number.

    NaN compares as false, so a division by zero never ends a run.
    """
    if not all(map(_is_bounded, arguments)):
        return math.nan
    try:
        found = function(*arguments)
    except (ArithmeticError, TypeError, ValueError):
        return math.nan
    return found if _is_bounded(found) else math.nan


def _is_bounded(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS)


def _compare(node: ast.Compare, values: Mapping[str, Value]) -> bool:
    left = _value(node.left, values)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, values)
        try:
            if not _COMPARE[type(op)][1](left, right):
                return False
        except TypeError:  # a number against a text: `kind` says so where it is written
            return False
        left = right
    return True


def _kind(node: ast.expr, kinds: Mapping[str, Kind]) -> Kind:
    match node:
        case ast.Constant(value=value):
            return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        case ast.Name(id="true" | "false"):
            return "bool"
        case ast.Name(id=name):
            if name not in kinds:
                raise ExpressionError(f"unknown name {name!r}")
            return kinds[name]
        case ast.BoolOp(values=parts):
            return _all_of("bool", parts, kinds, "and / or")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _all_of("bool", [operand], kinds, "not")
        case ast.IfExp(test=test, body=body, orelse=orelse):
            _all_of("bool", [test], kinds, "if")
            return _all_of(_kind(body, kinds), [orelse], kinds, "if / else")
        case ast.Compare():
            return _compare_kind(node, kinds)
        case ast.UnaryOp(operand=operand):
            return _all_of("number", [operand], kinds, "-")
        case ast.BinOp(left=left, right=right):
            return _all_of("number", [left, right], kinds, "arithmetic")
        case ast.Call(func=ast.Name(id=name), args=args):
            return _all_of("number", args, kinds, f"{name}()")
        case _:
            raise ExpressionError("a list is only allowed after 'in'")


def _all_of(wanted: Kind, nodes: list[ast.expr], kinds: Mapping[str, Kind], where: str) -> Kind:
    for node in nodes:
        kind = _kind(node, kinds)
        if kind != wanted:
            raise ExpressionError(f"{where} needs a {wanted}, but {ast.unparse(node)!r} is a {kind}")
    return wanted


def _compare_kind(node: ast.Compare, kinds: Mapping[str, Kind]) -> Kind:
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        sign = _COMPARE[type(op)][0]
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
                raise ExpressionError(f"after {sign!r} a list such as ['a', 'b'] must follow")
            _all_of(_kind(left, kinds), right.elts, kinds, f"'{sign}'")
        elif isinstance(op, ast.Eq | ast.NotEq):
            _all_of(_kind(left, kinds), [right], kinds, f"'{sign}'")
        else:
            _all_of("number", [left, right], kinds, f"'{sign}'")
        left = right
    return "bool"
