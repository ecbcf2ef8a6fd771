"""Says what an expression yields, and refuses operations between kinds that do not go together."""

import ast
from collections.abc import Mapping
from typing import Literal

from .functions import COMPARE

Kind = Literal["number", "string", "bool", "mixed"]
"""What values are. A parameter whose choices are of several kinds is mixed: it compares with all of them."""


class ExpressionError(ValueError):
    """The text is not an expression of this language, or compares things that cannot be compared."""


def kind_of(node: ast.expr, kinds: Mapping[str, Kind]) -> Kind:
    """Return what a node yields when its names have these kinds.

    Raises:
        ExpressionError: an unknown name, or an operation between kinds that do not go together.
    """
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
            return _all_of(kind_of(body, kinds), [orelse], kinds, "if / else")
        case ast.Compare():
            return _compare_kind(node, kinds)
        case ast.UnaryOp(operand=operand):
            return _all_of("number", [operand], kinds, "-")
        case ast.BinOp(left=left, right=right):
            return _all_of("number", [left, right], kinds, "arithmetic")
        case ast.Call(func=ast.Name(id=name), args=args):
            return _all_of("number", args, kinds, f"{name}()")
        case _:
            raise ExpressionError("a list is only allowed after 'in', and beside == a list of constants")


def _all_of(wanted: Kind, nodes: list[ast.expr], kinds: Mapping[str, Kind], where: str) -> Kind:
    for node in nodes:
        kind = kind_of(node, kinds)
        if kind != wanted and not (wanted != "bool" and "mixed" in {kind, wanted}):
            raise ExpressionError(f"{where} needs a {wanted}, but {ast.unparse(node)!r} is a {kind}")
    return wanted


def _compare_kind(node: ast.Compare, kinds: Mapping[str, Kind]) -> Kind:
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        sign = COMPARE[type(op)][0]
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
                raise ExpressionError(f"after {sign!r} a list such as ['a', 'b'] must follow")
            for each in right.elts:
                _same(left, each, kinds, sign)
        elif isinstance(op, ast.Eq | ast.NotEq):
            _same(left, right, kinds, sign)
        else:
            _all_of("number", [left, right], kinds, f"'{sign}'")
        left = right
    return "bool"


def _same(left: ast.expr, right: ast.expr, kinds: Mapping[str, Kind], sign: str) -> None:
    """Refuse an equality between kinds; a list of constants compares with choices that are lists."""
    if isinstance(left, ast.List | ast.Tuple):
        left, right = right, left
    wanted = kind_of(left, kinds)
    kind: Kind = "string" if isinstance(right, ast.List | ast.Tuple) else kind_of(right, kinds)
    if kind != wanted and "mixed" not in {kind, wanted}:
        raise ExpressionError(f"'{sign}' needs a {wanted}, but {ast.unparse(right)!r} is a {kind}")
