"""`trimtab tune --dry-run`: what a study would do to its system, before it does anything."""

import asyncio
from collections.abc import AsyncIterator, Callable

import typer

from ....tools.catalogue import load_catalogue, machine_facts
from ....tools.errors import InputError
from ....tools.sandbox import choose_sandbox
from ....tools.targets import Workplace, build_target, isolation_of
from ...study.sections import Study
from ...study.space import Configuration


def print_dry_run(study: Study) -> None:
    """Print it.

    Raises:
        InputError: the target is of a kind that cannot tell.
        TrimtabError: the system is out of reach.
    """
    place = Workplace(
        choose_sandbox(isolation_of(study.evaluation, study.target)), study.directory, wording=study.wording
    )
    bare = study.target.model_copy(update=dict.fromkeys(study.target.HOOKS)) if study.target is not None else None
    target = build_target(study.evaluation, place, bare)
    preview: Callable[[object], AsyncIterator[str]] | None = getattr(target, "preview", None)
    if preview is None:
        hint = "trimtab check --run shows one evaluation of the default"
        raise InputError("--dry-run: this kind of target does not tell what it would do", hint)
    asyncio.run(_print(preview(_first(study))))


async def _print(lines: AsyncIterator[str]) -> None:
    async for line in lines:
        typer.echo(line)


def _first(study: Study) -> dict[str, Configuration]:
    """Return what would be tried first: the default, and the catalogue's profiles."""
    found = {"default": study.space.default}
    system = study.study.system
    if system is None:
        return found
    catalogue = load_catalogue(system)
    units = {name: parameter.unit for name, parameter in study.parameters.items()}
    for profile in catalogue.profiles:
        values = catalogue.recommend(profile, units, machine_facts())
        found[f"profile {profile}"] = study.space.repair({**study.space.default, **values}).configuration
    return found
