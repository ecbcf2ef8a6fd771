"""Turns a checked syntax tree into a function of named values.

A comparison, or a yes/no name, whose value is not there (an inactive parameter, a division by zero) is false by itself:
`or` goes on, `not` turns it around, and the order of words never matters.
"""

import ast
import json
import math
from collections.abc import Callable, Mapping

from .functions import ARITHMETIC, COMPARE, FUNCTIONS, SIGNS, bounded

Value = bool | int | float | str
Run = Callable[[Mapping[str, Value]], object]


class MissingValueError(LookupError):
    """An expression names a value that is not there, such as an inactive parameter."""


def compiled(node: ast.expr) -> Run:
    """Return the function that computes a node; it raises MissingValueError where a value is not there."""
    match node:
        case ast.Constant(value=value):
            return lambda _values: value
        case ast.Name(id="true" | "false" as word):
            return lambda _values: word == "true"
        case ast.Name(id=name):
            return _named(name)
        case ast.List() | ast.Tuple():
            text = list_text(node)
            return lambda _values: text
        case ast.IfExp(test=test, body=body, orelse=orelse):
            first, then, otherwise = condition(test), compiled(body), compiled(orelse)
            return lambda values: then(values) if first(values) else otherwise(values)
        case ast.BinOp(left=left, op=op, right=right):
            one, two, function = compiled(left), compiled(right), ARITHMETIC[type(op)]
            return lambda values: bounded(function, one(values), two(values))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            inner, turned = compiled(operand), SIGNS[type(sign)]
            return lambda values: bounded(turned, inner(values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            given, called = [compiled(each) for each in arguments], FUNCTIONS[name].call
            return lambda values: bounded(called, *[each(values) for each in given])
        case _:
            return condition(node)


def condition(node: ast.expr) -> Callable[[Mapping[str, Value]], bool]:
    """Return the function that says whether a node is true; what is not there is not."""
    match node:
        case ast.BoolOp(op=op, values=parts):
            conditions, decide = [condition(each) for each in parts], all if isinstance(op, ast.And) else any
            return lambda values: decide(each(values) for each in conditions)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = condition(operand)
            return lambda values: not inner(values)
        case ast.Compare():
            return _comparison(node)
        case _:
            run = compiled(node)

            def holds(values: Mapping[str, Value]) -> bool:
                try:
                    return bool(run(values))
                except MissingValueError:
                    return False

            return holds


def list_text(node: ast.List | ast.Tuple) -> str:
    """Return a list of constants as the text that stands for such a choice.

    Raises:
        ValueError: it holds something else.
    """
    return json.dumps(ast.literal_eval(ast.unparse(node)))


def _named(name: str) -> Run:
    def value(values: Mapping[str, Value]) -> object:
        try:
            return values[name]
        except KeyError:
            raise MissingValueError(name) from None

    return value


def _comparison(node: ast.Compare) -> Callable[[Mapping[str, Value]], bool]:
    operators = [COMPARE[type(op)][1] for op in node.ops]
    among = [isinstance(op, ast.In | ast.NotIn) for op in node.ops]
    sides = [compiled(node.left)]
    sides += [_members(s) if listed else compiled(s) for s, listed in zip(node.comparators, among, strict=True)]
    steps = list(zip(operators, range(len(operators)), strict=True))

    def holds(values: Mapping[str, Value]) -> bool:
        try:
            found = [side(values) for side in sides]
            return all(function(found[at], found[at + 1]) for function, at in steps)
        except (MissingValueError, TypeError):  # TypeError: a number against a text, among mixed choices
            return False

    return holds


def _members(node: ast.expr) -> Run:
    """Return the function that lists what stands behind `in`."""
    items = [compiled(each) for each in node.elts] if isinstance(node, ast.List | ast.Tuple) else []
    return lambda values: [each(values) for each in items]


def defined(value: object) -> bool:
    """Whether a value is one: NaN and infinity are none."""
    return not isinstance(value, float) or math.isfinite(value)
