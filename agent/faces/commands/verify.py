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
from ...run.verification import seeds_for, verify
from ...study.sections import Study
from ...trials.trial import Trial
from ...verdict.judgement import Pairs, judge
from .. import words
from .show import open_stored


def verify_study(key: str, store_url: str | None, *, pairs: int | None, trial: int | None, as_json: bool) -> bool:
    """Measure, and print what came; returns whether the incumbent is better.

    Raises:
        InputError: there is no such study or trial, or nothing in it to verify.
    """
    store, stored, study, history = open_stored(key, store_url)
    result = stored.result or {}
    number = trial if trial is not None else (result.get("best") or {}).get("trial")
    default = history.default
    if number is None or default is None or not 0 <= number < len(history.trials):
        raise InputError(
            f"{stored.key} has no {'checked trial' if trial is None else f'trial {trial}'}", "name --trial"
        )
    incumbent = history.trials[number]
    if incumbent.candidate.key == default.candidate.key:
        raise InputError(f"{stored.key}: trial {number} is the default configuration", "name another with --trial")
    seeds = seeds_for(study, pairs)
    if not as_json:
        typer.echo(f"{stored.key}: trial {number} against the default, {len(seeds)} pairs", err=True)
    checks = asyncio.run(_measured(study, store, default, incumbent, seeds))
    if as_json:
        typer.echo(json.dumps({"study": stored.key, "trial": number, "checks": [each.model_dump() for each in checks]}))
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
