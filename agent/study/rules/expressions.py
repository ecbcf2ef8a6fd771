"""Rules of the study file about expressions: conditions, forbidden clauses and derived values."""

import keyword
from collections.abc import Iterator
from pathlib import Path

from ....tools.expressions import FUNCTIONS, Expression, ExpressionError, parse
from ....tools.spelling import did_you_mean
from ....tools.targets.rendering.template import BUILT_IN, OF_THE_EVALUATION
from ..parameters import CategoricalParameter, OrdinalParameter
from ..sections import Study

Finding = tuple[tuple[str | int, ...], str]

_TAKEN = {*BUILT_IN, "true", "false", *keyword.kwlist}


def parameter_names(study: Study, _directory: Path) -> Iterator[Finding]:
    """Names can be written in expressions and places, and mean nothing else there."""
    for name in study.parameters:
        yield from _name(("parameters", name), name, _TAKEN)


def _name(path: tuple[str, ...], name: str, taken: set[str]) -> Iterator[Finding]:
    if not (name.isidentifier() and name.isascii()) or len(name) > 80:
        yield path, "a name needs letters, digits and '_' and starts with a letter"
    elif name in taken:
        yield path, "this name has a meaning of its own: choose another"


def derived(study: Study, _directory: Path) -> Iterator[Finding]:
    """Derived values have names of their own and follow from parameters, without a circle."""
    for name, text in study.derived.items():
        path = ("derived", name)
        yield from _name(path, name, {*_TAKEN, *OF_THE_EVALUATION, "fidelity", *FUNCTIONS})
        if name in study.parameters:
            yield path, "there is a parameter of this name: choose another"
            continue
        yield from _expression(study, path, text, condition=False)


def conditions(study: Study, _directory: Path) -> Iterator[Finding]:
    """Conditions are expressions over other parameters, without a circle."""
    needs: dict[str, frozenset[str]] = {}
    for name, parameter in study.parameters.items():
        if parameter.when is None:
            continue
        yield from _expression(study, ("parameters", name, "when"), parameter.when)
        try:
            needs[name] = study.expression(parameter.when).names
        except ExpressionError:
            continue
    for name in needs:
        if name in _reachable(name, needs):
            yield ("parameters", name, "when"), "conditions form a circle: this one depends on itself"


def clauses(study: Study, _directory: Path) -> Iterator[Finding]:
    """Forbidden clauses are expressions over parameters."""
    for index, clause in enumerate(study.forbidden):
        yield from _expression(study, ("forbidden", index, "when"), clause.when)


def _reachable(start: str, needs: dict[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs.get(name, ())
    return found


def _expression(study: Study, path: tuple[str | int, ...], text: str, *, condition: bool = True) -> Iterator[Finding]:
    known = [*study.parameters, *study.derived]
    try:
        unknown = sorted(parse(text).names - set(known))
        if unknown:
            yield path, f"unknown parameter {unknown[0]!r} in {text!r}{did_you_mean(unknown[0], known)}"
            return
        expression = study.expression(text)
        if expression.names - study.parameters.keys():
            return  # a derived value has a finding of its own
        if not expression.names:
            yield path, f"{text!r} names no parameter"
        kind = expression.kind({name: parameter.kind for name, parameter in study.parameters.items()})
        if condition and kind != "bool":
            yield path, f"{text!r} is not a condition: it yields no true or false"
        yield from _impossible_values(study, path, expression)
    except ExpressionError as error:
        yield path, f"{error} in {text[:80]!r}"


def _impossible_values(study: Study, path: tuple[str | int, ...], expression: Expression) -> Iterator[Finding]:
    for name in sorted(expression.names):
        parameter = study.parameters[name]
        if not isinstance(parameter, CategoricalParameter | OrdinalParameter) or parameter.kind == "number":
            continue
        for constant in expression.constants_compared_with(name):
            if isinstance(constant, str) and constant not in parameter.choices:
                known, otherwise = map(str, parameter.choices), f"; choices: {parameter.choices}"
                guess = did_you_mean(constant, known, cutoff=0.4, otherwise=otherwise)
                yield path, f"{constant!r} is not a choice of {name}{guess}"
