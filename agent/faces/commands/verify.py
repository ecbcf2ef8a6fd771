"""`trimtab verify`: is the incumbent of a stored study still better than the default?"""

import asyncio
import json
from functools import partial

import typer

from ....tools.errors import InputError
from ....tools.text import visible
from ...events import CheckResult
from ...memory.store import Store
from ...run.evaluating import evaluating
from ...run.result import numbered, offered_trial
from ...run.verification import seeds_for, verify
from ...study.sections import Study
from ...trials.trial import Trial
from ...verdict.judgement import Pairs, judge
from .. import words
from .show import open_stored

_LESS = " without what was not seen to help"


def verify_study(
    key: str, store_url: str | None, *, pairs: int | None, trial: int | None, whole: bool, as_json: bool
) -> bool:
    """Measure, and print what came; returns whether it is better than the default.

    What is measured is what `apply` writes: of the trial that was checked without what was not seen to help, unless
    the `whole` incumbent is asked for; or any trial that is named.

    Raises:
        InputError: there is no such study or trial, or nothing in it to verify.
    """
    store, stored, study, history = open_stored(key, store_url)
    named = numbered(stored, history, trial) if trial is not None else None
    incumbent, default = named or offered_trial(stored, history, whole=whole), history.default
    if incumbent is None or default is None:
        raise InputError(f"{stored.key} has no checked trial", "name --trial")
    number = incumbent.number
    less = named is None and incumbent.configuration != history.trials[number].configuration
    if incumbent.candidate.key == default.candidate.key:
        raise InputError(f"{stored.key}: trial {number} is the default configuration", "name another with --trial")
    seeds = seeds_for(study, pairs)
    if not as_json:
        typer.echo(
            f"{stored.key}: trial {number}{_LESS if less else ''} against the default, {len(seeds)} pairs", err=True
        )
    checks = asyncio.run(_measured(study, store, default, incumbent, seeds))
    if as_json:
        told = {"study": stored.key, "trial": number, "configuration": incumbent.configuration}
        typer.echo(json.dumps({**told, "checks": [each.model_dump() for each in checks]}))
    else:
        for check in checks:
            typer.echo(visible(f"check of {check.metric}: {words.interval(check)}"))
            for line in (check.verdict, *words.beside(check)):
                typer.echo(visible(f"  {line}"))
    return bool(checks) and checks[0].improved


async def _measured(
    study: Study, store: Store, default: Trial, incumbent: Trial, seeds: list[int]
) -> list[CheckResult]:
    pairs = Pairs([], [])
    async with evaluating(store, study, partial(typer.echo, err=True)) as executor:
        async for pairs in verify(study, default, incumbent, seeds, executor):
            typer.echo(f"  pair {len(pairs.default)} of {len(seeds)}", err=True)
    return judge(study, pairs)
