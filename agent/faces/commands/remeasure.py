"""`trimtab remeasure`: any trial of a stored study once more, with its edit of the program; nothing is stored."""

import asyncio
import json
from functools import partial

import typer

from ....tools.targets import Measurement
from ....tools.text import visible
from ...memory.store import Store
from ...run.evaluating import evaluating
from ...run.result import numbered
from ...run.verification import measure_with, seeds_for
from ...study.sections import Study
from ...trials.trial import Trial
from .. import words
from .show import open_stored


def remeasure(key: str, number: int, store_url: str | None, *, repeats: int, as_json: bool) -> bool:
    """Measure a trial on check seeds, print what came; returns whether all of it is complete.

    Raises:
        InputError: there is no such trial.
    """
    store, stored, study, history = open_stored(key, store_url)
    trial = numbered(stored, history, number)
    found = asyncio.run(_measured(study, store, trial, seeds_for(study, repeats)))
    if as_json:
        typer.echo(
            json.dumps({"study": stored.key, "trial": number, "measured": [each.model_dump() for each in found]})
        )
    else:
        before = " ".join(f"{name}={words.number(value)}" for name, value in trial.metrics.items())
        typer.echo(visible(f"{stored.key} trial {number}: {trial.state} {before or trial.reason or ''}"))
        for each in found:
            metrics = " ".join(f"{name}={words.number(value)}" for name, value in each.metrics.items())
            typer.echo(visible(f"  again: {each.reason or metrics} ({each.duration_s:.2f} s)"))
    return all(each.state == "complete" for each in found)


async def _measured(study: Study, store: Store, trial: Trial, seeds: list[int]) -> list[Measurement]:
    async with evaluating(store, study, partial(typer.echo, err=True)) as executor:
        measure = measure_with(study, executor)
        return [
            await measure("again", trial.number, position, seed, trial.candidate) for position, seed in enumerate(seeds)
        ]
