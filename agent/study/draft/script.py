"""Settings in a Python script, read from its syntax tree, never by running it: argparse, click, Typer, dataclasses."""

import ast
from collections.abc import Iterator
from typing import Any

from .guess import Found


def settings_in(source: str) -> list[Found]:
    """Return the options that a script declares; where it declares none, the fields of its dataclasses.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source)
    found = options_in(source) or [
        each for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in _fields(node)
    ]
    return list({each.name: each for each in found}.values())


def options_in(source: str) -> list[Found]:
    """Return the options that a script declares with argparse, click or Typer.

    Raises:
        SyntaxError: it is no Python.
    """
    return [found for node in ast.walk(ast.parse(source)) for found in _of_node(node)]


def _of_node(node: ast.AST) -> Iterator[Found]:
    if isinstance(node, ast.Call) and _called(node) in {"add_argument", "option"}:
        flags = [text for each in node.args if isinstance(text := _constant(each), str) and text.startswith("-")]
        long = [flag for flag in flags if flag.startswith("--")] or flags
        if long:
            yield _of_call(long[0].partition("/")[0], node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _of_typer(node)


def _of_call(flag: str, call: ast.Call) -> Found:
    given = {each.arg: each.value for each in call.keywords if each.arg}
    action, kind = _constant(given.get("action")), _name(given.get("type"))
    is_switch = action in {"store_true", "store_false"} or _constant(given.get("is_flag")) is True or "/" in flag
    default = _constant(given.get("default"))
    choices = _list(given.get("choices")) or _list(getattr(given.get("type"), "args", [None])[0])
    if is_switch:
        default = bool(default) if default is not None else action == "store_false"
    return Found(
        flag,
        default=default,
        choices=choices,
        help=str(_constant(given.get("help")) or ""),
        place=(flag,),
        is_switch=is_switch,
        kind="float" if kind == "float" else "",
    )


def _of_typer(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Found]:
    """Yield the options of a Typer command: parameters whose default, or annotation, is a call of Option."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    defaults: list[ast.expr | None] = [None] * (len(function.args.args) - len(function.args.defaults))
    defaults += [*function.args.defaults, *function.args.kw_defaults]
    for argument, default in zip(arguments, defaults, strict=True):
        parts = [default, *ast.walk(argument.annotation)] if argument.annotation is not None else [default]
        call = next((each for each in parts if isinstance(each, ast.Call) and _called(each) == "Option"), None)
        if call is None:
            continue
        in_default = call is default
        value = _constant(call.args[0]) if in_default and call.args else None if in_default else _constant(default)
        flag = f"--{argument.arg.replace('_', '-')}"
        about = next((str(_constant(each.value)) for each in call.keywords if each.arg == "help"), "")
        yield Found(flag, default=value, help=about, place=(flag,), is_switch=isinstance(value, bool))


def _fields(node: ast.ClassDef) -> Iterator[Found]:
    """Yield the fields of a dataclass or model with their defaults."""
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            default = _constant(field.value)
            choices = _literal(field.annotation)
            if default is not None or choices:
                kind = "float" if _name(field.annotation) == "float" else ""
                flag = f"--{field.target.id}"
                yield Found(field.target.id, default=default, choices=choices, kind=kind, place=(flag,))


def _literal(annotation: ast.expr) -> list[Any]:
    if isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Literal":
        inner = annotation.slice
        return [_constant(each) for each in (inner.elts if isinstance(inner, ast.Tuple) else [inner])]
    return []


def _called(call: ast.Call) -> str:
    return _name(call.func)


def _name(node: ast.AST | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _constant(node: ast.AST | None) -> Any:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def _list(node: ast.AST | None) -> list[Any]:
    found = _constant(node)
    return list(found) if isinstance(found, list | tuple) else []
