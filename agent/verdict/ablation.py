"""Which parameters made the difference: an ablation path from the default to the incumbent.

After Fawcett & Hoos, "Analysing differences between algorithm configurations through ablation" (Journal of
Heuristics 2016), with the order of the path fixed by one measurement of each single change, which needs a number
of evaluations linear in the number of changes.
"""

import math
from collections.abc import AsyncIterator

from ...tools.expressions import Value
from ...tools.targets import Measurement
from ..events import AblationStep
from ..statistics import CONFIDENCE, block_contrasts, holm
from ..study.sections import Study
from ..study.space import Configuration, Space
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from .check import Measure

THE_CODE = "the code"
"""What an edit of the program is called beside parameters, whose names have no spaces."""


def differing(default: Configuration, incumbent: Configuration) -> list[str]:
    """Return the parameters whose values differ, or that are active in only one of two configurations."""
    return [name for name in {**default, **incumbent} if default.get(name) != incumbent.get(name)]


def path(space: Space, default: Configuration, incumbent: Configuration, names: list[str]) -> list[Configuration]:
    """Return configurations from default to incumbent, changing the parameters in the order of `names`.

    A change that is not possible yet (inactive, or forbidden) waits; where none is possible, all that are left are
    made at once.
    """
    nodes = [default]
    waiting = [name for name in names if name in incumbent]
    while waiting and nodes[-1] != incumbent:
        current = nodes[-1]
        for name in waiting:
            step = space.complete({**current, name: incumbent[name]})
            if step.get(name) == incumbent[name] and space.violated(step) is None:
                waiting.remove(name)
                if step != current:
                    nodes.append(step)
                break
        else:
            break
    if nodes[-1] != incumbent:
        nodes.append(incumbent)
    return nodes


async def measure_ablation(
    study: Study, default: Trial, incumbent: Trial, measure: Measure
) -> AsyncIterator[tuple[int, int, list[AblationStep]]]:
    """Yield (evaluations done, total, steps), where the steps come with the last one."""
    names = differing(default.configuration, incumbent.configuration)
    patch = incumbent.candidate.patch
    seeds = study.evaluation.check_seeds[: study.check.ablation_repeats]
    purpose, done = f"ablation:{incumbent.number}", 0
    singles = [_single(study.space, default.configuration, incumbent.configuration, name) for name in names]
    total = sum(single is not None for single in singles) + len(seeds) * (len(names) + 1)
    losses: dict[str, float] = {}
    for step, (name, single) in enumerate(zip(names, singles, strict=True)):
        if single is not None:
            losses[name] = _loss(study, await measure(purpose, -1 - step, 0, seeds[0], Candidate(single, patch)))
            done += 1
            yield done, total, []
    ordered = sorted(names, key=lambda name: losses.get(name, float("inf")))
    steps_of_parameters = path(study.space, default.configuration, incumbent.configuration, ordered)
    nodes = [Candidate(configuration, patch) for configuration in steps_of_parameters]
    if patch is not None:  # the code comes first: parameters are tuned for the edited program
        nodes.insert(0, Candidate(default.configuration))
    total = len(losses) + len(seeds) * len(nodes)
    table: list[list[Measurement]] = [[] for _ in nodes]
    for position, seed in enumerate(seeds):
        for step, node in enumerate(nodes):
            table[step].append(await measure(purpose, step, position, seed, node))
            done += 1
            steps = _steps(study, nodes, table) if done == total else []
            yield done, total, steps


def _single(space: Space, default: Configuration, incumbent: Configuration, name: str) -> Configuration | None:
    """Return the default with one parameter changed, None where that is not possible."""
    if name not in incumbent:
        return None
    changed = space.complete({**default, name: incumbent[name]})
    possible = changed.get(name) == incumbent[name] and space.violated(changed) is None
    return changed if possible else None


def _loss(study: Study, measurement: Measurement) -> float:
    if measurement.state == "failed":
        return float("inf")
    objective = study.objectives[0]
    return objective.loss(measurement.metrics[objective.metric])


def _steps(study: Study, nodes: list[Candidate], table: list[list[Measurement]]) -> list[AblationStep]:
    """Return the steps of the path; a step beside a configuration that failed once has no effect that can be told.

    A step matters when its effect is told from none after Holm's correction for the number of steps.
    """
    scales = [_scaled(study, row) for row in table]
    whole = [index for index, scale in enumerate(scales) if scale is not None]
    if len(whole) > 1 and len(table[0]) > 1:
        contrasts = block_contrasts([scales[index] or [] for index in whole])
        effects = {(a, b): each for a, b, each in zip(whole, whole[1:], contrasts, strict=False)}
    else:
        effects = {}
    known = [index for index in range(1, len(nodes)) if (index - 1, index) in effects]
    adjusted = dict(zip(known, holm([effects[index - 1, index][1] for index in known]), strict=True))
    found = []
    for index in range(1, len(nodes)):
        before, after = nodes[index - 1], nodes[index]
        changed = _changed(before, after)
        if index not in adjusted:
            found.append(AblationStep(parameters=changed, ratio=None, low=None, high=None, matters=False))
            continue
        gain = effects[index - 1, index][0].map(math.exp)
        matters = adjusted[index] < 1 - CONFIDENCE
        found.append(AblationStep(parameters=changed, ratio=gain.value, low=gain.low, high=gain.high, matters=matters))
    return found


def _changed(before: Candidate, after: Candidate) -> dict[str, tuple[Value | None, Value | None]]:
    """Return what differs between two nodes; an edit of the program stands beside the parameters, as itself."""
    names = differing(before.configuration, after.configuration)
    found: dict[str, tuple[Value | None, Value | None]] = {
        name: (before.configuration.get(name), after.configuration.get(name)) for name in names
    }
    return found if before.patch == after.patch else {THE_CODE: ("as it was", "edited"), **found}


def _scaled(study: Study, row: list[Measurement]) -> list[float] | None:
    """Return the logarithms of a row's results, smaller is better; None where one failed or has no logarithm."""
    objective = study.objectives[0]
    if any(each.state != "complete" for each in row):
        return None
    gains = [objective.gain(1.0, each.metrics[objective.metric]) for each in row]
    return None if None in gains else [-math.log(gain) for gain in gains if gain is not None]
