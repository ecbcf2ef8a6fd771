"""`trimtab plan`: what a study will cost and can prove, before anything is spent."""

import asyncio
import dataclasses
import json
from functools import partial
from pathlib import Path

import typer

from ....tools.errors import TrimtabError
from ....tools.text import visible
from ...memory.store import Store, default_url
from ...run.evaluating import evaluating
from ...run.verification import seeds_for, verify
from ...study.file import load_study
from ...study.sections import Study
from ...trials.candidate import Candidate
from ...trials.source import Source
from ...trials.trial import Trial
from ...verdict.judgement import Pairs
from ...verdict.planning import Noise, Plan, noise_of, plan

_LEAST = 2


def print_plan(file: Path, store_url: str | None, *, pairs: int, as_json: bool) -> bool:
    """Print the plan of a study; with `pairs`, the default is measured against itself first. False when hopeless.

    Raises:
        StudyFileError, InputError: with every mistake.
        TrimtabError: the default fails.
    """
    study = load_study(file)
    store = Store(store_url or default_url())
    noise = asyncio.run(_measured(study, store, pairs)) if pairs else None
    seconds = None if noise is not None else _seconds_before(study, store)
    found = plan(study, noise, seconds)
    if as_json:
        told = {"noise": None if noise is None else dataclasses.asdict(noise), **dataclasses.asdict(found)}
        typer.echo(json.dumps(told))
    else:
        typer.echo("\n".join(map(visible, _lines(study, found, noise, known=seconds is not None))))
    return not found.hopeless


async def _measured(study: Study, store: Store, count: int) -> Noise:
    default = Trial(0, Source("default"), Candidate(study.space.default))
    pairs = Pairs([], [])
    async with evaluating(store, study, partial(typer.echo, err=True)) as executor:
        async for pairs in verify(study, default, default, seeds_for(study, max(count, _LEAST)), executor):
            typer.echo(f"  pair {len(pairs.default)} of {max(count, _LEAST)}", err=True)
    metric = study.objectives[0].metric
    values = list(zip(*pairs.values(metric), strict=True))
    if len(values) < _LEAST:
        failed = next((each.reason for each in (*pairs.default, *pairs.incumbent) if each.reason), "it failed")
        raise TrimtabError(f"the default failed, so nothing can be planned: {failed}", "trimtab check --run")
    return noise_of(values, [each.duration_s for each in (*pairs.default, *pairs.incumbent)])


def _seconds_before(study: Study, store: Store) -> float | None:
    """Return how long an evaluation took in the latest stored study of this name."""
    stored = store.latest(study.name)
    trials = [] if stored is None else [each for each in store.trials(stored.id) if each.state == "complete"]
    taken = sorted(each.duration_s / max(1, len(each.values)) for each in trials)
    return taken[len(taken) // 2] if taken else None


def _lines(study: Study, found: Plan, noise: Noise | None, *, known: bool) -> list[str]:
    lines = [f"{study.name}: {study.budget.trials} trials, {len(study.evaluation.check_seeds)} pairs in the check"]
    for phase, count in found.evaluations.items():
        most = "at most " if phase in {"race", "ablation", "minimal"} and count else ""
        time = f", {most}{_time(found.seconds[phase])}" if found.seconds else ""
        lines.append(f"  {phase:<9} {most}{count} evaluations{time}")
    lines += [f"  cut: {each}" for each in found.cut]
    if found.seconds:
        told = "as measured" if noise is not None else "as in the stored study of this name"
        lines.append(f"  in all    at most {_time(sum(found.seconds.values()))} ({told})")
    elif not known:
        lines.append("  how long an evaluation takes is not known: --pairs 6 measures the default a few times")
    if noise is None:
        return [*lines, "the noise is not known, so neither is what the check can prove: --pairs 6 measures it"]
    unit = f"{noise.spread:.2%}" if noise.relative else f"{noise.spread:.4g}"
    lines.append(f"noise: pairs of the default differ by {unit} (standard deviation, {noise.pairs} pairs)")
    lines += (
        ["  it drifts with the time: pairs stand side by side, so the check allows for that"] if noise.drifts else []
    )
    lines += ["  it has outliers: the check's interval needs no normal noise"] if noise.tails else []
    if found.smallest is None:
        lines.append("the check can prove nothing with so few pairs: give evaluation.check_seeds six or more")
    else:
        gain = f"{found.smallest:.1%}" if found.relative else f"{found.smallest:.4g}"
        lines.append(f"the smallest gain that the check proves four times in five: {gain}")
    for wanted, pairs in found.pairs_for.items():
        needed = f"{pairs} pairs" if pairs else "more than 200 pairs: measure longer, or more quietly"
        lines.append(f"  a gain of {wanted:.0%} needs {needed}")
    if found.hopeless:
        lines.append("this study can hardly prove anything: more pairs, longer evaluations, or a quieter machine")
    return lines


def _time(seconds: float) -> str:
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (float("inf"), 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return ""
