"""A study's search space in words, a line a parameter, and what one should know of it before it runs."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from ...tools.sandbox.mounts import hides
from ...tools.targets.code.edits import regions_in
from ...tools.targets.rendering.template import as_text
from ..study.goals import Constraint
from ..study.parameters import Parameter
from ..study.sections import Study

_ABSOLUTE = re.compile(r"(?:^|[\s=:,'\"])(/[^\s'\":;,(){}<>|]+)")
_PLENTY = 10


def study_lines(study: Study) -> Iterator[str]:
    """Yield a study's search space, a line a parameter, and what one should know of it."""
    count = len(study.parameters)
    yield f"{study.name}: {count} parameter{'s' if count > 1 else ''}"
    rows = [("parameter", "type", "default", "values"), *map(_row, study.parameters.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for *row, values in rows:
        yield "  ".join([*(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)), values])
    yield from (f"derived: {name} = {text}" for name, text in study.derived.items())
    yield from (f"never: {clause.when} ({clause.reason})" for clause in study.forbidden)
    yield from (f"objective: {objective.metric}, {objective.goal}" for objective in study.objectives)
    yield from (f"constraint: {constraint.metric} {_bounds(constraint)}" for constraint in study.constraints)
    if study.forbidden:
        yield str(study.space.allowed)
    yield from (f"hidden in the sandbox: {path} (name it in readable)" for path in out_of_sight(study))
    yield from of_code(study)
    yield from too_few_pairs(len(study.evaluation.check_seeds))
    size = "infinitely many" if math.isinf(study.space.size) else f"at most {study.space.size:.4g}"
    yield f"{size} configurations, {study.budget.trials} trials: the study file is fine"


def of_code(study: Study) -> Iterator[str]:
    """Yield what a planner could touch, and what may leave the machine."""
    project = study.project
    if project is None or study.code is None:
        return
    for name, text in project.editable.items():
        regions = regions_in(text)
        where = f"only {', '.join(regions)}" if regions else f"all {text.count(chr(10))} lines"
        yield f"may be edited: {name}, {where}"
    others = len(project.files) - len(project.editable)
    yield f"{others} other files of {project.folder.name} are copied, and can only be read"
    yield from (f"left out: {name} ({why})" for name, why in project.left_out.items())
    if not study.code.guard:
        yield "no guard: an edit is measured without a test (code.guard = ['...'])"
    send = "may be sent to" if study.code.send else "is not sent (code.send = true allows it), nor asked of,"
    yield f"the source {send} a model that is not on this machine"


def too_few_pairs(pairs: int) -> Iterator[str]:
    """Yield that so few pairs prove nothing, where it is so."""
    if pairs < _PLENTY:  # what computes intervals is not loaded to say that all is fine
        from ..statistics import MIN_PAIRS

        if pairs < MIN_PAIRS:
            yield f"evaluation.check_seeds: {pairs} pairs cannot prove an improvement at 2.5 %, {MIN_PAIRS} or more can"


def out_of_sight(study: Study) -> list[Path]:
    """Return what the commands of a sandboxed program name and will not find there."""
    program = study.program
    if program.isolation == "process":
        return []
    words = [*(program.command or []), *program.environment.values()]
    named = [Path(found) for word in words for found in _ABSOLUTE.findall(word)]
    shown = [study.directory.resolve(), *((study.directory / each.expanduser()).resolve() for each in program.readable)]
    return [
        path
        for path in dict.fromkeys(named)
        if hides(path) and path.exists() and not any(map(path.resolve().is_relative_to, shown))
    ]


def _row(named: tuple[str, Parameter]) -> tuple[str, str, str, str]:
    name, parameter = named
    unit = f" {parameter.unit}" if parameter.unit else ""
    when = f"  when {parameter.when}" if parameter.when else ""
    return name, parameter.type, f"{as_text(parameter.default)}{unit}", f"{_values(parameter)}{when}"


def _values(parameter: Parameter) -> str:
    match parameter.type:
        case "float" | "int":
            step = f" step {as_text(parameter.step)}" if parameter.step not in {None, 1} and parameter.step else ""
            return f"{as_text(parameter.low)} .. {as_text(parameter.high)}{step}{' log' if parameter.log else ''}"
        case "bool":
            return "false, true"
        case "categorical" | "ordinal":
            return ", ".join(map(as_text, parameter.choices))


def _bounds(constraint: Constraint) -> str:
    bounds = (("min", constraint.min), ("max", constraint.max))
    unit = f" {constraint.unit}" if constraint.unit else ""
    return " and ".join(f"{word} {value:g}{unit}" for word, value in bounds if value is not None)
