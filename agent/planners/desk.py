"""Fills the desk that the planner's tools look at."""

from collections.abc import Callable, Mapping
from typing import Any

from ...tools.desk import Desk, Row
from ...tools.expressions import Value
from ...tools.targets.code.draft import CodeDraft
from ..optimizers.encoding import from_unit
from ..optimizers.state import OptimizerState
from ..study.parameters import Parameter
from ..study.sections import Study
from ..trials.history import History
from ..trials.lines import line_of
from ..trials.trial import Trial
from .base import Context
from .digest import lesson_lines, recalled_lines

_MOST_ROWS, _VARIATIONS = 2000, 9


def fill_desk(context: Context, submit: Callable[[Any], str], code: CodeDraft | None = None) -> Desk:
    """Return what the tools may see of a study; `submit` takes proposals and answers in words."""
    study = context.study
    state = context.optimizer
    return Desk(
        parameters=tuple(study.space.parameters),
        metric=study.loss_name,
        rows=[_row(trial, context.history, study) for trial in _told(context.history)[-_MOST_ROWS:]],
        optimizer=_optimizer(state),
        recalled=[*recalled_lines(context), *lesson_lines(context)],
        system=study.study.system,
        encode=lambda configuration: encode(study, configuration),
        submit=submit,
        distributions=study.space.distributions,
        to_optuna=study.space.to_optuna,
        variations={name: _variations(parameter) for name, parameter in study.space.parameters.items()},
        to_metric=study.metric_of,
        code=code,
    )


def _told(history: History) -> list[Trial]:
    """Return the trials that say something of their configuration."""
    return [trial for trial in history.finished if trial.state != "lost"]


def _optimizer(state: OptimizerState | None) -> list[str]:
    if state is None:
        return ["there is no optimizer"]
    said = [*state.forecasts, *state.lines, *state.correlations]
    return said or ["it has nothing to say: too few results, or a sampler without a model"]


def encode(study: Study, configuration: Mapping[str, Any]) -> list[float]:
    """Return a configuration as numbers, one per parameter; inactive parameters stand below all values."""
    repaired = study.space.repair(configuration).configuration
    return [_number(parameter, repaired.get(name)) for name, parameter in study.space.parameters.items()]


def _number(parameter: Parameter, value: Any) -> float:
    if value is None:
        return float(parameter.low) - 1.0 if parameter.type in {"float", "int"} else -1.0
    if parameter.type in {"categorical", "ordinal"}:
        return float(list(parameter.choices).index(value))
    return float(value)


def _variations(parameter: Parameter) -> list[Value]:
    """Return up to nine values over a parameter's whole range."""
    count = int(min(parameter.size, _VARIATIONS))
    return list(dict.fromkeys(from_unit(parameter, at / max(1, count - 1)) for at in range(count)))


def _row(trial: Trial, history: History, study: Study) -> Row:
    has_result = trial.state in {"complete", "infeasible"}
    loss = history.losses(trial)[0] if has_result else None
    return Row(
        trial.number, trial.source.label, trial.state, trial.configuration, trial.metrics, loss, line_of(trial, study)
    )
