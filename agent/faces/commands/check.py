"""`trimtab check`: a study file's search space as a table."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ....tools.targets.template import as_text
from ...study.file import load_study
from ...study.parameters import Parameter


def print_study(file: Path) -> None:
    """Print the space of a study file.

    Raises:
        StudyFileError: with every mistake.
    """
    study = load_study(file)
    table = Table(
        title=f"{study.name}: {len(study.parameters)} parameter{'s' * (len(study.parameters) != 1)}",
        title_justify="left",
    )
    for heading in ("parameter", "type", "values", "default", "unit", "when"):
        table.add_column(heading, overflow="fold")
    for name, parameter in study.space.parameters.items():
        row = [
            name,
            parameter.type,
            _values(parameter),
            as_text(parameter.default),
            parameter.unit,
            parameter.when or "",
        ]
        table.add_row(*row)
    console = Console(markup=False)
    console.print(table)
    for clause in study.forbidden:
        console.print(f"never: {clause.when} ({clause.reason})", markup=False)
    for objective in study.objectives:
        console.print(f"objective: {objective.metric}, {objective.goal}", markup=False)
    for constraint in study.constraints:
        bounds = [
            f"{word} {value:g}"
            for word, value in (("min", constraint.min), ("max", constraint.max))
            if value is not None
        ]
        console.print(f"constraint: {constraint.metric} {' and '.join(bounds)}", markup=False)
    if study.forbidden:
        console.print(str(study.space.allowed), markup=False)
    size = "infinitely many" if study.space.size == float("inf") else f"at most {study.space.size:.4g}"
    console.print(f"{size} configurations, {study.budget.trials} trials: the study file is fine", markup=False)


def _values(parameter: Parameter) -> str:
    match parameter.type:
        case "float" | "int":
            step = f" step {parameter.step:g}" if parameter.step not in {None, 1} else ""
            return f"{parameter.low:g} .. {parameter.high:g}{step}{' log' if parameter.log else ''}"
        case "bool":
            return "false, true"
        case "categorical" | "ordinal":
            return ", ".join(map(as_text, parameter.choices))
