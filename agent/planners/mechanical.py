"""Edits that need no model: a catalogue of mechanical changes, found in the syntax tree, each left to guard and judge.

A new kind is one function here that yields edits with a reason, listed in `KINDS`.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ...tools.targets.code.constants import constants_in, with_constants
from ...tools.targets.code.draft import CodeDraft
from ...tools.targets.code.edits import Edit, EditError, patch_of
from ..trials.proposal import Proposal
from ..trials.source import STORED
from .base import Context

_IMPURE = (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.With)
_SIDE_EFFECTS = {"print", "open", "input", "setattr", "exec", "eval", "next", "random", "time", "perf_counter"}
_CHANGES = {"append", "add", "extend", "insert", "remove", "pop", "clear", "update", "sort", "write", "setdefault"}
_MOST, _REACH = 4, 8


def mechanical_proposals(context: Context) -> list[Proposal]:
    """Return a proposal for each mechanical edit of the study's program, with the default configuration."""
    project = context.study.project
    if project is None:
        return []
    proposals = []
    for name, text in project.editable.items():
        for kind in KINDS.get(Path(name).suffix, ()):
            for edit, why in kind(name, text):
                try:
                    patch = patch_of([edit], project.rules)
                except EditError:
                    continue  # outside of the regions, or too much
                if patch is not None:
                    proposals.append(Proposal(context.study.space.default, STORED, why, patch=patch))
        proposals += _tuned_constants(context, name, text, _MOST - len(proposals))
    return proposals[:_MOST]


def _tuned_constants(context: Context, name: str, text: str, most: int) -> Iterator[Proposal]:
    """Yield proposals that let the optimizer tune a constant that the study does not tune: at first twice as large."""
    project = context.study.project
    if project is None:
        return
    known = {*context.study.wording.constants.values()}
    for constant in constants_in(name, text).values():
        place, value = f"{name}:{constant.name}", constant.value
        if most <= 0:
            return
        if isinstance(value, bool) or value <= 0 or place in known:
            continue
        draft = CodeDraft(project)
        doubled = with_constants({name: text}, {place: 2 * value})[name]
        line = text.count("\n", 0, constant.start)
        before, after = text.splitlines(keepends=True)[line], doubled.splitlines(keepends=True)[line]
        low = max(1, value // _REACH) if isinstance(value, int) else value / _REACH
        try:
            draft.edit([{"file": name, "search": before, "replace": after}])
            draft.parameter(name, constant.name, low, value * _REACH, log=True)
            patch, _parent = draft.proposed("draft", 0)
        except EditError:
            continue  # outside of the regions
        most -= 1
        why = f"mechanical: {constant.name} in {name} is tuned, at first twice as large"
        yield Proposal(context.study.space.default, STORED, why, patch=patch)


def cached_functions(name: str, text: str) -> Iterator[tuple[Edit, str]]:
    """Yield edits that let a function remember its results: one that calls itself twice or more, or is called in loops,
    takes only positional arguments, and changes nothing that can be seen."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = text.splitlines(keepends=True)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and _is_pure(function) and _is_called_often(tree, function):
            line = lines[function.lineno - 1]
            if text.count(line) == 1:
                edit = Edit(name, f"from functools import cache\n\n\n@cache\n{line}", search=line)
                yield edit, f"mechanical: {function.name} in {name} remembers its results (functools.cache)"


def _is_pure(function: ast.FunctionDef) -> bool:
    arguments = function.args
    if function.decorator_list or arguments.vararg or arguments.kwarg or not (arguments.args or arguments.posonlyargs):
        return False
    own = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(function):
        if isinstance(node, _IMPURE):
            return False
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in _SIDE_EFFECTS:
                return False
            if isinstance(called, ast.Attribute) and called.attr in _SIDE_EFFECTS:
                return False
            if isinstance(called, ast.Attribute) and called.attr in _CHANGES and not _is_own(called.value, own):
                return False
        if isinstance(node, ast.Subscript | ast.Attribute) and _is_changed(node) and not _is_own(node.value, own):
            return False
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


def _is_changed(node: ast.Subscript | ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _is_own(node: ast.expr, own: set[str]) -> bool:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in own


def _is_called_often(tree: ast.Module, function: ast.FunctionDef) -> bool:
    inside = sum(_calls(node, function.name) for node in ast.walk(function))
    loops = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    looped = any(
        _calls(inner, function.name) for node in ast.walk(tree) if isinstance(node, loops) for inner in ast.walk(node)
    )
    return inside >= 2 or looped


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def plain_powers(name: str, text: str) -> Iterator[tuple[Edit, str]]:
    """Yield edits of a C program that compute small constant powers by multiplication and square root."""
    for line in text.splitlines(keepends=True):
        new = _POWER.sub(lambda found: _POWERS[found[2]].format(found[1]), line)
        if new != line and text.count(line) == 1:
            yield Edit(name, new, search=line), f"mechanical: no pow() for a constant power in {name}"


_POWER = re.compile(r"\bpow\((\w+), ?(0\.5|1\.5|2|3)(?:\.0)?\)")
_POWERS = {"0.5": "sqrt({0})", "1.5": "({0} * sqrt({0}))", "2": "({0} * {0})", "3": "({0} * {0} * {0})"}

Kind = Callable[[str, str], Iterator[tuple[Edit, str]]]
KINDS: Mapping[str, tuple[Kind, ...]] = {
    ".py": (cached_functions,),
    **dict.fromkeys((".c", ".cc", ".cpp"), (plain_powers,)),
}
"""By the ending of a file's name."""
