"""Runs the audit and tells it: of what is claimed, how much is real, and how far the claim is from the truth."""

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from .methods import EVALUATIONS, SELDOM, methods
from .worlds import worlds

_REAL = 1e-9
_HEADING = (
    "world",
    "method",
    "studies",
    "claim an improvement",
    "of these real",
    "claimed beyond true",
    "true gain deployed",
    "evaluations",
)


@dataclass(frozen=True)
class Outcome:
    """One method in one world: what it claimed, and what is true of the configuration it ended with."""

    world: str
    group: str
    method: str
    seed: int
    improved: bool
    claimed: float
    true: float
    evaluations: int


@dataclass(frozen=True)
class Row:
    """A line of the table. Gains are how many times better than the default; `apart` is claimed minus true gain, of the
    claimed improvements, as a share of the true one; `deployed` is the middle true gain over all studies, where what is
    not claimed is not deployed. None where nothing was claimed.
    """

    group: str
    method: str
    studies: int
    claimed: float
    real: float | None
    apart: float | None
    deployed: float
    evaluations: float


def run_one(world: str, method: str, seed: int) -> Outcome:
    """Run a method in a world once."""
    found = next(each for each in worlds() if each.name == world)
    with threadpool_limits(1):
        claim = methods()[method](found, seed)
    default = found.truth(found.study.space.default)
    true = default / found.truth(claim.configuration)
    return Outcome(world, found.group, method, seed, claim.improved, claim.gain, true, claim.evaluations)


def run(seeds: int, workers: int, file: Path) -> Iterator[Outcome]:
    """Run every method in every world with so many seeds, in processes; what is in the file is not run again."""
    done = read(file)
    known = {(each.world, each.method, each.seed) for each in done}
    yield from done
    wanted = [
        (each.name, method, seed)
        for seed in range(seeds)
        for each in worlds()
        for method in methods()
        if seed % SELDOM.get(method, 1) == 0 and (each.name, method, seed) not in known
    ]
    with file.open("a", encoding="utf-8") as out:
        for outcome in _outcomes(wanted, workers):
            out.write(json.dumps(asdict(outcome)) + "\n")
            out.flush()
            yield outcome


def _outcomes(wanted: Sequence[tuple[str, str, int]], workers: int) -> Iterator[Outcome]:
    """Yield outcomes as they come: from processes, with one worker from this one."""
    if workers == 1:
        yield from (run_one(*each) for each in wanted)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from (each.result() for each in as_completed([pool.submit(run_one, *one) for one in wanted]))


def read(file: Path) -> list[Outcome]:
    """Return the outcomes that a file holds; none where it is not there."""
    if not file.exists():
        return []
    return [Outcome(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines() if line]


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the table, group by group in the order in which worlds are listed."""
    groups = list(dict.fromkeys(each.group for each in worlds()))
    names = list(dict.fromkeys(each.method for each in outcomes))
    order = [name for name in methods() if name in names] + [name for name in names if name not in methods()]
    found = []
    for group in groups:
        for method in order:
            some = [each for each in outcomes if (each.group, each.method) == (group, method)]
            if some:
                found.append(_row(group, method, some))
    return found


def _row(group: str, method: str, some: Sequence[Outcome]) -> Row:
    claims = [each for each in some if each.improved]
    real = [each for each in claims if math.log(each.true) > _REAL]
    apart = [(each.claimed - each.true) / each.true for each in claims]
    return Row(
        group,
        method,
        studies=len(some),
        claimed=len(claims) / len(some),
        real=len(real) / len(claims) if claims else None,
        apart=median(apart) if apart else None,
        deployed=median(each.true if each.improved else 1.0 for each in some),
        evaluations=sum(each.evaluations for each in some) / len(some),
    )


def markdown(found: Sequence[Row]) -> str:
    """Return the table as Markdown."""
    lines = [
        f"| {' | '.join(_HEADING)} |",
        f"| --- | --- |{' ---: |' * (len(_HEADING) - 2)}",
    ]
    for each in found:
        real = "-" if each.real is None else f"{each.real:.0%}"
        apart = "-" if each.apart is None else f"{each.apart:+.1%}"
        cells = [each.group, each.method, f"{each.studies}", f"{each.claimed:.0%}", real, apart]
        lines.append(f"| {' | '.join([*cells, f'{each.deployed:.2f}x', f'{each.evaluations:.0f}'])} |")
    return "\n".join(lines) + f"\n\nOthers get {EVALUATIONS} evaluations each; ours stops its race early.\n"
