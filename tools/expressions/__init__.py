"""Expressions over named values: parsed into a syntax tree, checked, and computed; never `eval`ed.

Used for the conditions, forbidden clauses and derived values of a study, and for what a catalogue recommends. The
syntax is Python's, cut down to comparisons, `and` / `or` / `not`, `in`, arithmetic with powers, `x if c else y` and the
functions in `FUNCTIONS`.
"""

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .compiled import MissingValueError, Run, Value, compiled, condition, defined, list_text
from .functions import ARITHMETIC, COMPARE, FUNCTIONS
from .kinds import ExpressionError, Kind, kind_of

__all__ = [
    "FUNCTIONS",
    "MAX_LENGTH",
    "Expression",
    "ExpressionError",
    "Kind",
    "MissingValueError",
    "Value",
    "parse",
    "value_of",
]

MAX_LENGTH = 1000
_MOST_LEVELS, _MOST_EXPANDED, _MOST_NODES = 60, 150, 5000


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names` are the values it needs."""

    text: str
    names: frozenset[str]
    _tree: ast.expr

    def __call__(self, values: Mapping[str, Value]) -> object:
        """Return the expression's value; NaN where a number has none, as after a division by zero.

        Raises:
            MissingValueError: a name that decides has no value.
        """
        return self._run(values)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether the expression is true. A comparison that names an inactive parameter is false by itself."""
        return self._condition(values)

    def kind(self, kinds: Mapping[str, Kind]) -> Kind:
        """Return what the expression yields when its names have these kinds.

        Raises:
            ExpressionError: an unknown name, or an operation between kinds that do not go together.
        """
        return kind_of(self._tree, kinds)

    def expanded(self, derived: Mapping[str, "Expression"]) -> "Expression":
        """Return the expression with derived values, which may name each other, written out.

        Raises:
            ExpressionError: they form a circle, or what comes out is too large.
        """
        if not self.names & derived.keys():
            return self
        tree = _Expansion(derived).visit(ast.parse(self.text, mode="eval").body)
        return Expression(ast.unparse(tree), _names(tree), tree)

    def alternatives(self) -> list["Expression"]:
        """Return the parts of which one must hold for the whole to hold: those that `or` joins."""
        if not (isinstance(self._tree, ast.BoolOp) and isinstance(self._tree.op, ast.Or)):
            return [self]
        parts = [Expression(ast.unparse(each), _names(each), each) for each in self._tree.values]
        return [inner for part in parts for inner in part.alternatives()]

    def sides(self) -> tuple[type[ast.cmpop], "Expression", "Expression"] | None:
        """Return operator, left and right side of a single comparison; None when it is something else."""
        tree = self._tree
        if not (isinstance(tree, ast.Compare) and len(tree.ops) == 1):
            return None
        left, right = (Expression(ast.unparse(each), _names(each), each) for each in (tree.left, tree.comparators[0]))
        return type(tree.ops[0]), left, right

    def constants_compared_with(self, name: str) -> list[Value]:
        """Return the literals that the expression compares with `name`, to tell typing errors from values."""
        found: list[Value] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Name) and side.id == name for side in sides):
                    among = isinstance(node.ops[0], ast.In | ast.NotIn)
                    found += [leaf for side in sides for leaf in _literals(side, among=among)]
        return found

    @cached_property
    def _run(self) -> Run:
        return compiled(self._tree)

    @cached_property
    def _condition(self) -> Callable[[Mapping[str, Value]], bool]:
        return condition(self._tree)


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
    if any(level > _MOST_LEVELS for _node, level in _walk(tree)):
        raise ExpressionError("nested too deeply")
    for node, _level in _walk(tree):
        _check_node(node)
    return Expression(text=text.strip(), names=_names(tree), _tree=tree)


def value_of(expression: Expression, values: Mapping[str, Value]) -> Value | None:
    """Return what an expression yields as a plain value, whole numbers as integers; None where it has no value.

    Raises:
        ArithmeticError: its names have values, but it has none: a division by zero, a number too large.
    """
    try:
        found = expression(values)
    except MissingValueError:
        return None
    if not defined(found):
        raise ArithmeticError(f"{expression.text} has no value")
    if isinstance(found, float) and found.is_integer() and abs(found) < 1 << 53:
        return int(found)
    return found  # type: ignore[return-value]  # what compiled functions return


def _names(tree: ast.expr) -> frozenset[str]:
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in calls}
    return frozenset(names - {"true", "false"})


def _walk(root: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    waiting = [(root, 0)]
    while waiting:
        node, level = waiting.pop()
        yield node, level
        waiting += [(child, level + 1) for child in ast.iter_child_nodes(node)]


def _check_node(node: ast.AST) -> None:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            if isinstance(value, float) and not math.isfinite(value):
                raise ExpressionError("numbers must be finite")
        case ast.BinOp(op=op) if type(op) not in ARITHMETIC:
            raise ExpressionError(f"the operator {type(op).__name__} is not allowed")
        case ast.UnaryOp(op=ast.Invert()):
            raise ExpressionError("the operator Invert is not allowed")
        case ast.Compare(ops=ops) if any(type(op) not in COMPARE for op in ops):
            raise ExpressionError("only == != < <= > >= in, not in compare values")
        case ast.Compare(left=left, ops=ops, comparators=others):
            _check_list(left, among=False)
            for sign, side in zip(ops, others, strict=True):
                _check_list(side, among=isinstance(sign, ast.In | ast.NotIn))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            _check_arguments(name, len(args))
        case ast.Call():
            raise ExpressionError(f"only these functions may be called: {', '.join(FUNCTIONS)}")
        case ast.BoolOp() | ast.BinOp() | ast.UnaryOp() | ast.IfExp() | ast.Name():
            pass
        case ast.List() | ast.Tuple() | ast.Load() | ast.boolop() | ast.operator() | ast.unaryop() | ast.cmpop():
            pass
        case _:
            raise ExpressionError(f"{type(node).__name__} is not allowed here")


def _check_arguments(name: str, count: int) -> None:
    function = FUNCTIONS[name]
    if not function.least <= count <= function.most:
        number = f"{function.least}" if function.least == function.most else f"{function.least} to {function.most}"
        raise ExpressionError(f"{name}() takes {number} argument{'' if number == '1' else 's'}, not {count}")


def _check_list(side: ast.expr, *, among: bool) -> None:
    """Refuse a list of anything but constants where it stands for a choice: beside == and inside another list."""
    if not isinstance(side, ast.List | ast.Tuple):
        return
    if among:
        for each in side.elts:
            _check_list(each, among=False)
        return
    try:
        list_text(side)
    except (ValueError, TypeError):
        raise ExpressionError(f"{ast.unparse(side)!r} is not a list of constants") from None


def _literals(node: ast.expr, *, among: bool) -> list[Value]:
    if isinstance(node, ast.List | ast.Tuple) and among:
        return [leaf for each in node.elts for leaf in _literals(each, among=False)]
    try:
        found = list_text(node) if isinstance(node, ast.List | ast.Tuple) else ast.literal_eval(node)
    except (ValueError, TypeError):
        return []
    return [found] if isinstance(found, bool | int | float | str) else []


class _Expansion(ast.NodeTransformer):
    """Writes derived values out, with an eye on circles and size."""

    def __init__(self, derived: Mapping[str, Expression]) -> None:
        self.derived = derived
        self.within: list[str] = []
        self.nodes = self.level = 0

    def visit(self, node: ast.AST) -> ast.expr:
        self.nodes += 1
        self.level += 1
        if self.nodes > _MOST_NODES or self.level > _MOST_EXPANDED:
            raise ExpressionError("too large once derived values are written out")
        written = self._written(node)
        self.level -= 1
        return written

    def _written(self, node: ast.AST) -> ast.expr:
        if not isinstance(node, ast.Name) or node.id not in self.derived:
            return self.generic_visit(node)  # type: ignore[return-value]  # an expression's nodes stay what they are
        if node.id in self.within:
            raise ExpressionError(f"derived values form a circle: {' -> '.join([*self.within, node.id])}")
        self.within.append(node.id)
        written = self.visit(ast.parse(self.derived[node.id].text, mode="eval").body)
        self.within.pop()
        return written
