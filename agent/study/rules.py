"""Rules that concern several sections of a study at once. One function a rule, listed in `RULES`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ...tools.catalogue import catalogue_names
from ...tools.expressions import Expression, ExpressionError, Kind, parse
from ...tools.spelling import did_you_mean
from ...tools.targets.template import BUILT_IN, names_in
from ..parts import PLANNERS, PRUNERS, SAMPLERS
from .parameters import CategoricalParameter, OrdinalParameter
from .sections import Study

Finding = tuple[tuple[str | int, ...], str]


def findings(study: Study, directory: Path) -> list[Finding]:
    """Return everything wrong with a study beyond its single fields, as (path in the file, message)."""
    found = [finding for rule in RULES for finding in rule(study, directory)]
    if not found:  # these need a space that can be built
        found = list(_default_allowed(study))
    return found


def _parameter_names(study: Study, _directory: Path) -> Iterator[Finding]:
    for name in study.parameters:
        if not (name.isidentifier() and name.isascii()) or len(name) > 80:
            yield ("parameters", name), "a name needs letters, digits and '_' and starts with a letter"
        elif name in {*BUILT_IN, "true", "false", "and", "or", "not", "in", "if", "else"}:
            yield ("parameters", name), "this name has a meaning of its own: choose another"


def _conditions(study: Study, _directory: Path) -> Iterator[Finding]:
    needs: dict[str, frozenset[str]] = {}
    for name, parameter in study.parameters.items():
        if parameter.when is None:
            continue
        path = ("parameters", name, "when")
        yield from _expression(study, path, parameter.when)
        try:
            needs[name] = parse(parameter.when).names
        except ExpressionError:
            continue
    for name in needs:
        if name in _reachable(name, needs):
            yield ("parameters", name, "when"), "conditions form a circle: this one depends on itself"


def _reachable(start: str, needs: dict[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs.get(name, ())
    return found


def _clauses(study: Study, _directory: Path) -> Iterator[Finding]:
    for index, clause in enumerate(study.forbidden):
        yield from _expression(study, ("forbidden", index, "when"), clause.when)


def _expression(study: Study, path: tuple[str | int, ...], text: str) -> Iterator[Finding]:
    kinds: dict[str, Kind] = {name: parameter.kind for name, parameter in study.parameters.items()}
    try:
        expression = parse(text)
        unknown = sorted(expression.names - kinds.keys())
        if unknown:
            yield path, f"unknown parameter {unknown[0]!r} in {text!r}{did_you_mean(unknown[0], kinds)}"
            return
        if not expression.names:
            yield path, f"{text!r} names no parameter"
        if expression.kind(kinds) != "bool":
            yield path, f"{text!r} is not a condition: it yields no true or false"
        yield from _impossible_values(study, path, expression)
    except ExpressionError as error:
        yield path, f"{error} in {text[:80]!r}"


def _impossible_values(study: Study, path: tuple[str | int, ...], expression: Expression) -> Iterator[Finding]:
    for name in sorted(expression.names):
        parameter = study.parameters[name]
        if not isinstance(parameter, CategoricalParameter | OrdinalParameter) or parameter.kind != "string":
            continue
        for constant in expression.constants_compared_with(name):
            if constant not in parameter.choices:
                known, otherwise = map(str, parameter.choices), f"; choices: {parameter.choices}"
                guess = did_you_mean(str(constant), known, cutoff=0.4, otherwise=otherwise)
                yield path, f"{constant!r} is not a choice of {name}{guess}"


def _metrics(study: Study, _directory: Path) -> Iterator[Finding]:
    for section in ("objectives", "constraints"):
        seen: set[str] = set()
        for index, each in enumerate(getattr(study, section)):
            if each.metric in seen:
                yield (section, index, "metric"), f"{each.metric!r} is listed twice: keep one"
            seen.add(each.metric)
    patterns = study.evaluation.patterns
    if patterns:
        for name in study.required_metrics:
            if name not in patterns:
                yield ("evaluation", "patterns"), f"has no pattern for metric {name!r}: add {name} = '...'"


def _command(study: Study, directory: Path) -> Iterator[Finding]:
    path = ("evaluation", "command")
    words = study.evaluation.command
    if words is None:
        return
    used: set[str] = set()
    for word in words:
        try:
            used |= set(names_in(word))
        except ValueError as error:
            yield path, f"{word!r}: {error}"
            return
        if "{" not in word and not Path(word).is_absolute() and "." in word and (directory / word).is_file():
            yield path, f"{word!r} runs in an empty directory: write {{study_dir}}/{word}"
    allowed = [*study.parameters, *BUILT_IN, *(["fidelity"] if study.fidelity else [])]
    for name in sorted(used - set(allowed)):
        yield path, f"{{{name}}} is no parameter{did_you_mean(name, allowed, shown='{{{}}}'.format)}"
    unused = [name for name in study.parameters if name not in used]
    if used <= set(allowed) and unused and len(unused) < len(study.parameters):
        yield (
            path,
            f"{{{unused[0]}}} is nowhere in it, so it would have no effect (or read them all from $TRIMTAB_JOB)",
        )
    program = words[0].replace("{study_dir}", str(directory))
    if "{" not in program and shutil.which(program) is None:
        yield path, f"the program {words[0]!r} was not found or may not be run"


def _python(study: Study, directory: Path) -> Iterator[Finding]:
    if study.evaluation.python is not None:
        module = study.evaluation.python.partition(":")[0].replace(".", "/")
        if not (directory / f"{module}.py").is_file() and not (directory / module / "__init__.py").is_file():
            yield ("evaluation", "python"), f"there is no {module}.py beside the study file"


def _names_of_parts(study: Study, _directory: Path) -> Iterator[Finding]:
    parts = (
        ("sampler", study.sampler.name, [*SAMPLERS]),
        ("planner", study.planner.name, [*PLANNERS]),
        *([("fidelity", study.fidelity.pruner, [*PRUNERS])] if study.fidelity else []),
    )
    for section, name, known in parts:
        if name not in known:
            yield (section, "pruner" if section == "fidelity" else "name"), _unknown(name, known)
    for index, name in enumerate(study.gate.samplers):
        if name not in SAMPLERS:
            yield ("gate", "samplers", index), _unknown(name, [*SAMPLERS])
    if study.study.system is not None and study.study.system not in catalogue_names():
        yield ("study", "system"), f"no catalogue: {_unknown(study.study.system, catalogue_names())}"


def _unknown(name: str, known: list[str]) -> str:
    return f"{name!r} is not one of {', '.join(known)}{did_you_mean(name, known)}"


def _focus(study: Study, _directory: Path) -> Iterator[Finding]:
    for name, focus in study.focus.items():
        parameter = study.parameters.get(name)
        if parameter is None:
            yield ("focus", name), _unknown(name, list(study.parameters))
        elif focus.values is None and parameter.type not in {"float", "int"}:
            yield ("focus", name), f"{name} is {parameter.type}: give values = [...]"
        else:
            for value in focus.values or [v for v in (focus.low, focus.high) if v is not None]:
                mended, why = parameter.mend(value)
                if why:
                    yield ("focus", name), f"{value!r} is not allowed: {why} (nearest: {mended!r})"


def _goals(study: Study, _directory: Path) -> Iterator[Finding]:
    with_score = [each.desirability is not None for each in study.objectives]
    if any(with_score) and not all(with_score):
        yield ("objectives", with_score.index(False), "desirability"), "missing: all objectives need one, or none"
    if study.fidelity is not None and study.goals > 1:
        yield ("fidelity",), "early stopping needs one objective, or a desirability for each"
    most = study.evaluation.max_repeats
    if most is not None and most > study.evaluation.repeats and study.goals > 1:
        yield ("evaluation", "max_repeats"), "adaptive repeats need one objective, or a desirability for each"
    if study.cost is None and "carbs" in {study.sampler.name, *study.gate.samplers}:
        yield ("sampler", "name"), "'carbs' weighs results against their cost: add [cost] with metric = '...'"


def _apply(study: Study, _directory: Path) -> Iterator[Finding]:
    if study.apply is not None:
        try:
            unknown = sorted(set(names_in(study.apply.template)) - set(study.parameters))
        except ValueError as error:
            yield ("apply", "template"), str(error)
            return
        if unknown:
            yield ("apply", "template"), f"{{{unknown[0]}}} is no parameter"


def _default_allowed(study: Study) -> Iterator[Finding]:
    clause = study.space.violated(study.space.default)
    if clause is not None:
        index = study.space.forbidden.index(clause)
        yield (
            ("forbidden", index, "when"),
            f"forbids the default configuration ({clause.reason}): change one of them",
        )


RULES: tuple[Callable[[Study, Path], Iterator[Finding]], ...] = (
    _parameter_names,
    _conditions,
    _clauses,
    _metrics,
    _command,
    _python,
    _names_of_parts,
    _goals,
    _focus,
    _apply,
)
