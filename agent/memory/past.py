"""Past studies as a new one sees them: what they measured, in its space and by its objectives."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...tools.expressions import Value
from ..study.parameters import Parameter
from ..study.sections import Study
from ..study.space import Configuration
from ..trials.history import violations
from ..trials.trial import Trial
from .store.profiles import Similar

_OF_EACH = 100
"""Trials of a study that count: half of them its best, the others from all over the rest."""


@dataclass(frozen=True)
class Past:
    """What a past study measured, in a new study's space: configurations with losses. `similarity` is 0 to 1."""

    key: str
    similarity: float
    results: Sequence[tuple[Configuration, float]]


def past_of(study: Study, similar: Similar, trials: Sequence[Trial]) -> Past:
    """Return what a past study measured, in this study's space; what lies outside of it is left out.

    A failed trial, or one that breaks a constraint of this study, is as bad as the worst.
    """
    required = set(study.required_metrics)
    usable = [trial for trial in trials if trial.state == "failed" or required <= trial.metrics.keys()]
    losses = _losses(study, usable)
    ranked = sorted(range(len(usable)), key=losses.__getitem__)
    step = max(1, (len(ranked) - _OF_EACH // 2) // (_OF_EACH // 2))
    chosen = [*ranked[: _OF_EACH // 2], *ranked[_OF_EACH // 2 :: step]]
    mapped = [(_mapped(study, usable[index]), losses[index]) for index in chosen]
    results = [(configuration, loss) for configuration, loss in mapped if configuration is not None]
    return Past(similar.key, similar.similarity, results)


def _losses(study: Study, trials: Sequence[Trial]) -> list[float]:
    """Return a number to minimise for each trial: with several objectives, its mean rank in them."""
    table = []
    for trial in trials:
        broken = trial.state == "failed" or any(over > 0 for over in violations(study, trial.metrics).values())
        table.append([float("inf")] * study.goals if broken else list(study.losses(trial.metrics)))
    if study.goals == 1:
        return [row[0] for row in table]
    from scipy.stats import rankdata  # slow to import

    return [float(sum(ranks)) for ranks in zip(*(rankdata(column) for column in zip(*table, strict=True)), strict=True)]


def _mapped(study: Study, trial: Trial) -> Configuration | None:
    """Return a past configuration in this study's space; None where a value lies outside."""
    known = {name: value for name, value in trial.configuration.items() if name in study.parameters}
    if not all(_fits(study.parameters[name], value) for name, value in known.items()):
        return None
    return study.space.repair({**study.space.default, **known}).configuration


def _fits(parameter: Parameter, value: Value) -> bool:
    """Whether a value is one of this parameter's, up to its step."""
    match parameter.type:
        case "float" | "int":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and float(parameter.low) <= float(value) <= float(parameter.high)
        case "bool":
            return isinstance(value, bool)
        case "categorical" | "ordinal":
            return value in parameter.choices
