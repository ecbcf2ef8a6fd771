"""What the planner's tools may see of a study: plain data, taken once, so that a tool's answer does not depend on
when it is called. Knows nothing of the agent that fills it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .expressions import Value


@dataclass(frozen=True)
class Row:
    """A finished trial. `loss` is its first objective as a number to minimise, None when it has no result."""

    number: int
    source: str
    state: str
    configuration: Mapping[str, Value]
    metrics: Mapping[str, float]
    loss: float | None
    text: str


@dataclass(frozen=True)
class Desk:
    """One study, as tools see it. `encode` turns a configuration into numbers, one per parameter; `variations` are
    values of a parameter worth comparing; `distributions` and `to_optuna` are for Optuna's own analyses."""

    parameters: Sequence[str]
    metric: str
    rows: Sequence[Row]
    optimizer: Sequence[str]
    recalled: Sequence[str]
    system: str | None
    encode: Callable[[Mapping[str, Any]], list[float]]
    submit: Callable[[Any], str]
    distributions: Mapping[str, Any]
    to_optuna: Callable[[Mapping[str, Any]], dict[str, Any]]
    variations: Mapping[str, Sequence[Value]]
    to_metric: Callable[[float], float] = lambda loss: loss
