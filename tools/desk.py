"""What the planner's tools may see of a study: plain data, taken once, so that a tool's answer does not depend on
when it is called. Knows nothing of the agent that fills it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import TrimtabError
from .expressions import Value
from .targets.code.draft import CodeDraft


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
    values of a parameter worth comparing; `distributions` and `to_optuna` are for Optuna's own analyses; `code` is the
    edit of the program that is worked on, where there is one."""

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
    code: CodeDraft | None = None

    @property
    def draft(self) -> CodeDraft:
        """The edit of the program that is worked on.

        Raises:
            TrimtabError: no program may be edited here.
        """
        if self.code is None:
            raise TrimtabError("this study has no program that may be edited")
        return self.code
