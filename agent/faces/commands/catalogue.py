"""`trimtab catalogue`: the documented settings of a system, and whether a server agrees."""

import asyncio

import typer

from ....tools.catalogue import Catalogue, Knob, catalogue_names, load_catalogue, machine_facts
from ....tools.errors import InputError, TrimtabError
from ....tools.spelling import did_you_mean
from ....tools.targets.postgresql.connection import connected, require_psycopg, rows_of
from ....tools.targets.postgresql.lint import FACTS, Fact, differences
from ....tools.targets.postgresql.looking import version_of

_SHOWN = 4


def print_catalogue(name: str, *, as_json: bool) -> None:
    """Print a catalogue: a line for each setting, or all of it as JSON.

    Raises:
        InputError: there is none of that name.
    """
    catalogue = _known(name)
    if as_json:
        typer.echo(catalogue.model_dump_json(indent=2, exclude_defaults=True))
        return
    typer.echo(f"{catalogue.system} {catalogue.version}: {len(catalogue.knobs)} settings")
    for each, knob in catalogue.knobs.items():
        typer.echo(f"{each:<40} {_line(knob)}")
    for each, profile in catalogue.profiles.items():
        typer.echo(f"profile {each:<32} {profile.description}")


def lint_catalogue(name: str, dsn: str) -> None:
    """Compare a catalogue with a server, and print how they differ.

    Raises:
        InputError: there is none of that name, or it cannot be compared.
        TrimtabError: they differ, or the server is out of reach.
    """
    catalogue = _known(name)
    if name != "postgresql":
        raise InputError(f"catalogue {name!r} cannot be compared with a server", "postgresql can")
    require_psycopg()
    facts, version = asyncio.run(_facts(dsn))
    found = list(differences(catalogue, facts))
    for line in found:
        typer.echo(line)
    if found:
        raise TrimtabError(f"{len(found)} of {len(catalogue.knobs)} entries differ from postgresql {version}")
    typer.echo(f"{len(catalogue.knobs)} entries compared with postgresql {version}: no differences")


async def _facts(dsn: str) -> tuple[dict[str, Fact], int]:
    async with connected(dsn) as connection:
        facts = {row[0]: Fact(*row) for row in await rows_of(connection, FACTS)}
        return facts, await version_of(connection) // 10_000


def _known(name: str) -> Catalogue:
    if name not in catalogue_names():
        known = ", ".join(catalogue_names())
        raise InputError(f"no catalogue {name!r}; there are {known}{did_you_mean(name, catalogue_names())}")
    return load_catalogue(name)


def _line(knob: Knob) -> str:
    default = f"{knob.default} {knob.unit}".rstrip()
    found = knob.range_on(machine_facts())
    searched = f"{found[0]:.{_SHOWN}g} .. {found[1]:.{_SHOWN}g}{' log' if knob.log else ''}" if found else ""
    excluded = f"not tuned: {knob.excluded}" if knob.excluded else searched
    return f"{default:<12} {knob.context or '':<8} {knob.risk:<13} {excluded}".rstrip()
