"""`trimtab check`: a study file's search space, a line a parameter. Plain lines: they answer while one looks."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import typer

from ....tools.targets import Measurement
from ....tools.text import visible
from ...study.file import StudyFileError, load_study
from ...study.sections import Study
from ..study_lines import of_code, out_of_sight, study_lines, too_few_pairs

_LAST_LINES = 10


def print_study(file: Path) -> None:
    """Print the space of a study file.

    Raises:
        StudyFileError: with every mistake.
    """
    typer.echo("\n".join(map(visible, study_lines(load_study(file)))))


def print_checked(file: Path, store: str | None, *, runs: bool) -> int:
    """Print what a study file holds, or every mistake in it, as one JSON object; return the exit code.

    With `runs` the default is measured once, and what came is in it.
    """
    try:
        study = load_study(file)
    except StudyFileError as error:
        problems = [{**dataclasses.asdict(each), "file": str(each.file)} for each in error.problems]
        typer.echo(json.dumps({"ok": False, "mistakes": problems}))
        return 2
    told: dict[str, Any] = {
        "ok": True,
        "study": study.name,
        "parameters": {
            name: each.model_dump(mode="json", exclude_none=True) for name, each in study.parameters.items()
        },
        "objectives": [each.model_dump(mode="json", exclude_none=True) for each in study.objectives],
        "constraints": [each.model_dump(mode="json", exclude_none=True) for each in study.constraints],
        "configurations": None if math.isinf(study.space.size) else study.space.size,
        "trials": study.budget.trials,
        "hidden": [str(each) for each in out_of_sight(study)],
        "notes": [*of_code(study), *too_few_pairs(len(study.evaluation.check_seeds))],
    }
    if runs:
        told["default"] = _measured(study, store).model_dump(mode="json")
        told["ok"] = told["default"]["state"] == "complete"
    typer.echo(json.dumps(told))
    return 0 if told["ok"] else 1


def _measured(study: Study, store: str | None) -> Measurement:
    """Measure the default once, in the sandbox."""
    import asyncio

    from ...chat.steering.trying import measure
    from ...memory.store import Store, default_url

    return asyncio.run(measure(study, Store(store or default_url())))


def try_default(file: Path, store: str | None) -> bool:
    """Measure the default once, in the sandbox, and print what came; return whether it is complete."""
    from ....tools.text import plain

    found = _measured(load_study(file), store)
    took = f"in {found.duration_s:.3g} s"
    if found.state == "complete":
        numbers = ", ".join(f"{name} = {value:.6g}" for name, value in found.metrics.items())
        typer.echo(visible(f"the default was tried: {numbers} {took}"))
        return True
    typer.echo(visible(f"the default failed {took}: {found.reason}"), err=True)
    for line in plain(found.log).strip().splitlines()[-_LAST_LINES:]:
        typer.echo(f"  | {visible(line)}", err=True)
    return False
