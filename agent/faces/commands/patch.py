"""`trimtab patch`: the winning edit of a program, what it gave, and how it reaches the project."""

import asyncio
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import typer

from ....tools.errors import InputError, TrimtabError
from ....tools.targets.code.edits import difference
from ....tools.targets.code.project import Project
from ....tools.text import plain, visible
from ...memory.store import Store
from ...memory.store.rows import StoredStudy
from ...run.evaluating import evaluating
from ...run.result import numbered, offered_trial, result_of
from ...run.verification import measure_with, seeds_for
from ...statistics import MIN_PAIRS, Interval
from ...study.applied import keep
from ...study.apply import write
from ...study.sections import Study
from ...trials.history import History
from ...trials.trial import Trial
from ...verdict.split import Split, measure_split
from ..git_branch import commit_on_branch
from .apply import agrees_to
from .show import open_stored


@dataclass(frozen=True)
class How:
    """What is wanted beside the difference. `pairs` are the seeds of the split, None for the check's.

    The edit goes with the configuration that `apply` writes, or with the `whole` incumbent's.
    """

    trial: int | None = None
    pairs: int | None = None
    measure: bool = True
    apply: bool = False
    branch: str = ""
    whole: bool = False
    as_json: bool = False
    ask: bool = True


def print_patch(key: str, store_url: str | None, how: How) -> bool:
    """Print an edit and its measured effect, and bring it to the project where that is wanted.

    Returns whether that was done, or nothing was wanted.

    Raises:
        InputError: there is no such edit, or the project is no longer what it was.
    """
    store, stored, study, history = open_stored(key, store_url)
    project = _project(study)
    incumbent = _chosen(stored, study, history, how)
    if study.code is not None and study.code.base and project.base != study.code.base:
        raise InputError(f"{project.folder} is no longer what it was when {stored.key} began", "undo that change first")
    constants = study.wording.in_program(incumbent.configuration)
    before, after = dict(project.editable), project.edited(incumbent.candidate.patch, constants)
    changes = difference(before, after)
    if not how.as_json:
        typer.echo(plain(changes), nl=False)
    split = asyncio.run(_measured(study, store, history, incumbent, how)) if how.measure else None
    if how.as_json:
        told = {
            "study": stored.key,
            "trial": incumbent.number,
            "diff": changes,
            "configuration": incumbent.configuration,
        }
        typer.echo(json.dumps({**told, "split": asdict(split) if split is not None else None}))
    elif split is not None:
        typer.echo("\n".join(_lines(split, incumbent)), err=True)
    changed = {name: text for name, text in after.items() if text != before[name]}
    if how.branch:
        commit = commit_on_branch(
            project.folder, how.branch, before, changed, f"trimtab: {stored.key}, trial {incumbent.number}"
        )
        typer.echo(f"committed {commit[:12]} on {how.branch}; the working tree is as it was", err=True)
    if how.apply:
        return _apply(project, changed, ask=how.ask)
    return True


def _chosen(stored: StoredStudy, study: Study, history: History, how: How) -> Trial:
    """Return the trial whose edit is meant: the one that was checked, as long as its check supports it."""
    key, trial = stored.key, None
    if how.trial is not None:
        trial = numbered(stored, history, how.trial)
    else:
        result = result_of(stored)
        proved = result is not None and result.check is not None and result.check.improved
        if (how.apply or how.branch) and not proved:
            raise InputError(f"{key}: no improvement was proved; nothing is applied", "name a trial with --trial")
        trial = offered_trial(stored, history, whole=how.whole) or history.incumbent
    if trial is None:
        raise InputError(f"{key} has no best trial", "see trimtab show")
    default = study.space.default
    if trial.candidate.patch is None and all(trial.configuration.get(n) == default[n] for n in study.wording.constants):
        raise InputError(
            f"{key}: trial {trial.number} has no edit of the program", f"its configuration: trimtab apply {key}"
        )
    return trial


def _project(study: Study) -> Project:
    project = study.project
    if project is None:
        raise InputError(f"{study.name} has no [code]", "trimtab apply writes configurations")
    return project


async def _measured(study: Study, store: Store, history: History, incumbent: Trial, how: How) -> Split:
    default = history.default
    if default is None:
        raise InputError(f"{study.name} has no default trial", "run it first")
    seeds = seeds_for(study, how.pairs)
    found = None
    async with evaluating(store, study, partial(typer.echo, err=True)) as executor:
        async for found in measure_split(study, default, incumbent, seeds, measure_with(study, executor)):
            if found.done % 4 == 0:
                typer.echo(f"  {found.done} of {found.total} measurements", err=True)
    if found is None or found.split is None:
        raise TrimtabError(f"the effect cannot be told: {found.failed if found else 'nothing was measured'}")
    return found.split


def _lines(split: Split, incumbent: Trial) -> list[str]:
    rows = [
        ("the code alone", split.code),
        ("the parameters alone", split.parameters),
        ("what only both give", split.both),
        ("everything", split.whole),
    ]
    few = "" if split.seeds >= MIN_PAIRS else f"; {split.seeds} seeds are too few for 95 %, {MIN_PAIRS} or more are not"
    lines = [f"trial {incumbent.number}, measured again on {split.seeds} check seeds (a larger factor is better{few}):"]
    return [visible(each) for each in (*lines, *(f"  {name:<22} {_interval(found)}" for name, found in rows))]


def _interval(found: Interval) -> str:
    return f"{found.value:.2f}x ({found.low:.2f} to {found.high:.2f})"


def _apply(project: Project, changed: dict[str, str], *, ask: bool) -> bool:
    """Write the edited files, each kept as it was for `apply --revert`."""
    if ask and not agrees_to(f"write {', '.join(changed)} in {project.folder}?", "nothing was written"):
        typer.echo("nothing was written", err=True)
        return False
    for name, text in changed.items():
        file: Path = project.folder / name
        try:
            keep(file, text)
        except OSError as error:
            raise InputError(f"{file} was not written: what it holds cannot be kept: {error.strerror}") from None
        write(file, text)
        typer.echo(f"wrote {file}; trimtab apply --revert {file} brings it back", err=True)
    return True
