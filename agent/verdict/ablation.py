"""Which parameters made the difference: an ablation path from the default to the incumbent.

After Fawcett & Hoos, "Analysing differences between algorithm configurations through ablation" (Journal of
Heuristics 2016), with the order of the path fixed by one measurement of each single change, which needs a number
of evaluations linear in the number of changes.
"""

from collections.abc import AsyncIterator

from ...tools.targets import Measurement
from ..events import AblationStep
from ..statistics import MIN_PAIRS, gain_ratio
from ..study.sections import Study
from ..study.space import Configuration, Space
from ..trials.trial import Trial
from .check import Measure


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
    seeds = study.evaluation.check_seeds[: study.check.ablation_repeats]
    purpose, done = f"ablation:{incumbent.number}", 0
    singles = [_single(study.space, default.configuration, incumbent.configuration, name) for name in names]
    total = sum(single is not None for single in singles) + len(seeds) * (len(names) + 1)
    losses: dict[str, float] = {}
    for step, (name, single) in enumerate(zip(names, singles, strict=True)):
        if single is not None:
            losses[name] = _loss(study, await measure(purpose, -1 - step, 0, seeds[0], single))
            done += 1
            yield done, total, []
    ordered = sorted(names, key=lambda name: losses.get(name, float("inf")))
    nodes = path(study.space, default.configuration, incumbent.configuration, ordered)
    total = len(losses) + len(seeds) * len(nodes)
    table: list[list[Measurement]] = [[] for _ in nodes]
    for position, seed in enumerate(seeds):
        for step, node in enumerate(nodes):
            table[step].append(await measure(purpose, step, position, seed, node))
            done += 1
            steps = [_step(study, nodes, table, index) for index in range(1, len(nodes))] if done == total else []
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


def _step(study: Study, nodes: list[Configuration], table: list[list[Measurement]], index: int) -> AblationStep:
    before, after = nodes[index - 1], nodes[index]
    changed = {name: (before.get(name), after.get(name)) for name in differing(before, after)}
    metric = study.objectives[0].metric
    both = [
        pair for pair in zip(table[index - 1], table[index], strict=True) if all(m.state == "complete" for m in pair)
    ]
    old, new = [m.metrics[metric] for m, _ in both], [m.metrics[metric] for _, m in both]
    ratio = gain_ratio(study.objectives[0], old, new) if both else None
    if ratio is None:
        return AblationStep(parameters=changed, ratio=None, low=None, high=None, matters=False)
    matters = len(both) >= MIN_PAIRS and (ratio.low > 1 or ratio.high < 1)
    return AblationStep(parameters=changed, ratio=ratio.value, low=ratio.low, high=ratio.high, matters=matters)
