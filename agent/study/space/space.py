"""The search space: parameters with conditions, and forbidden clauses.

One declaration gives Optuna's distributions, the JSON schema for models, validation, and repair.
"""

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ....tools.expressions import Expression, Value, parse
from ....tools.spelling import did_you_mean
from ..parameters import OrdinalParameter, Parameter
from .coupled import Group, groups_of
from .nearest import Neighbourhood
from .share import Allowed, allowed_share

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_TIGHT = 0.05

Configuration = dict[str, Value]
"""Values for the active parameters, in the space's order."""


@dataclass(frozen=True)
class Clause:
    """A forbidden region: configurations for which the expression holds, and why they are forbidden."""

    expression: Expression
    reason: str


@dataclass(frozen=True)
class Change:
    """What repair did to one parameter. `given` is None when the parameter was missing, `used` when it was dropped."""

    parameter: str
    given: Any
    used: Value | None
    why: str


@dataclass(frozen=True)
class Repaired:
    """A valid configuration, and what had to change to get there."""

    configuration: Configuration
    changes: tuple[Change, ...]


class Draw(Protocol):
    """Chooses a value for a parameter; called in the space's order, for active parameters only."""

    def __call__(self, name: str, parameter: Parameter) -> Value: ...


class Space:
    """A search space. `parameters` are ordered so that a condition only names earlier ones."""

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        forbidden: tuple[Clause, ...] = (),
        focus: Mapping[str, Callable[[Parameter, Value], Value]] | None = None,
        conditions: Mapping[str, Expression] | None = None,
    ) -> None:
        """Build a space from parameters whose conditions name each other without a circle (checked by the study).

        `focus` moves values of a parameter to where the search looks; repair and sampling use it, the default not.
        `conditions` are those of the parameters with derived values written out.
        """
        self.focus = focus or {}
        written = {name: parse(p.when) for name, p in parameters.items() if p.when is not None}
        self.conditions = written if conditions is None else dict(conditions)
        self.parameters = {name: parameters[name] for name in order(parameters, self.conditions)}
        self.forbidden = forbidden
        self._in_order = [(name, each, self.conditions.get(name)) for name, each in self.parameters.items()]

    def draw(self, choose: Draw) -> Configuration:
        """Return a configuration whose values `choose` gives, parameter by parameter; it may be forbidden."""
        configuration: Configuration = {}
        for name, parameter, condition in self._in_order:
            if condition is None or condition.holds(configuration):
                configuration[name] = choose(name, parameter)
        return configuration

    @cached_property
    def default(self) -> Configuration:
        """The configuration of all defaults."""
        return self.draw(lambda _name, parameter: parameter.default)

    def violated(self, configuration: Mapping[str, Value]) -> Clause | None:
        """Return the first forbidden clause that a configuration falls under."""
        return next((clause for clause in self.forbidden if clause.expression.holds(configuration)), None)

    def focused(self, name: str, parameter: Parameter, value: Value) -> Value:
        """Return a valid value of a parameter, moved to where the search looks."""
        return self.focus[name](parameter, value) if name in self.focus else value

    def problems(self, values: Mapping[str, object]) -> list[str]:
        """Return what makes `values` not a configuration of this space; empty when nothing does."""
        return [f"{c.parameter}: {c.why} (given {c.given!r})" for c in self.repair(values).changes]

    def repair(self, values: Mapping[str, object]) -> Repaired:
        """Return the nearest valid configuration: parsed, clamped, snapped, completed, and not forbidden."""
        changes: list[Change] = []

        def choose(name: str, parameter: Parameter) -> Value:
            if values.get(name) is None:
                used = self.focused(name, parameter, parameter.default)
                changes.append(Change(name, None, used, "missing: default"))
                return used
            value, why = parameter.mend(values[name])
            focused = self.focused(name, parameter, value)
            if focused != value:
                value, why = focused, "outside the focus: moved to the nearest value"
            if why:
                changes.append(Change(name, values[name], value, why))
            return value

        configuration = self.draw(choose)
        for name, given in values.items():
            if name not in self.parameters:
                guess = did_you_mean(str(name), self.parameters)
                changes.append(Change(str(name)[:80], given, None, f"unknown parameter: dropped{guess}"))
            elif name not in configuration and given is not None:
                changes.append(Change(name, given, None, f"inactive unless {self.parameters[name].when}: dropped"))
        allowed = self._allowed(configuration)
        if allowed != configuration:
            clause = self.violated(configuration)
            why = f"forbidden: {clause.reason}" if clause else "forbidden"
            moved = [name for name in {**configuration, **allowed} if configuration.get(name) != allowed.get(name)]
            changes += [Change(name, configuration.get(name), allowed.get(name), why) for name in moved]
        return Repaired(allowed, tuple(changes))

    def _allowed(self, configuration: Configuration) -> Configuration:
        """Return `configuration`, or the nearest one found that no clause forbids, at worst the default."""
        if self.violated(configuration) is None:
            return configuration
        moved = dict(configuration)
        for around in self._neighbourhoods:
            if not around.group.holds(moved):
                values = around.nearest(moved)
                if values is None:
                    return self.default
                moved = {name: value for name, value in moved.items() if name not in around.group.names} | values
        moved = self.complete(moved)
        return moved if self.violated(moved) is None else self.default

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of parameters that clauses tie together."""
        clauses = [clause.expression for clause in self.forbidden]
        return groups_of(self.parameters, self.conditions, clauses, self._within_focus)

    @cached_property
    def _neighbourhoods(self) -> list[Neighbourhood]:
        return [Neighbourhood(group, self) for group in self.groups]

    def _within_focus(self, name: str, value: Value) -> Value:
        return self.focused(name, self.parameters[name], value)

    @cached_property
    def allowed(self) -> "Allowed":
        """How much of the space no clause forbids."""
        return allowed_share(self)

    @property
    def tight(self) -> bool:
        """Whether chance alone hardly finds what is allowed."""
        return bool(self.forbidden) and self.allowed.share < _TIGHT

    def complete(self, values: Mapping[str, Value]) -> Configuration:
        """Return valid values with inactive parameters dropped and missing ones at their defaults."""
        return self.draw(lambda name, parameter: values.get(name, parameter.default))

    @cached_property
    def distributions(self) -> dict[str, "BaseDistribution"]:
        """Optuna's distributions of all parameters."""
        return {name: parameter.distribution() for name, parameter in self.parameters.items()}

    def to_optuna(self, configuration: Mapping[str, Value]) -> dict[str, Value]:
        """Return a configuration as Optuna sees it: positions for ordinal parameters."""
        return {name: _position(self.parameters[name], value) for name, value in configuration.items()}

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a configuration. Conditions are said in the descriptions."""
        properties = {}
        for name, parameter in self.parameters.items():
            words = [parameter.description, f"unit: {parameter.unit}" if parameter.unit else ""]
            words.append(f"only when {parameter.when}" if parameter.when else "")
            text = "; ".join(word for word in words if word)
            properties[name] = {**parameter.json_schema(), **({"description": text} if text else {})}
        required = [name for name in self.parameters if name not in self.conditions]
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def sample(self, rng: random.Random) -> Configuration:
        """Return a configuration drawn uniformly (log-uniformly where asked) from those that are not forbidden.

        Where nearly everything is forbidden it is drawn from the list of what is allowed, or found by a search.
        """
        for _attempt in range(1 if self.tight else 1000):
            configuration = self.any(rng)
            if self.violated(configuration) is None:
                return configuration
        for group in self.groups:
            values = group.draw(rng, lambda name: self.uniform(name, rng))
            if values is not None:
                configuration = {n: v for n, v in configuration.items() if n not in group.names} | values
        configuration = self.draw(
            lambda name, _parameter: configuration[name] if name in configuration else self.uniform(name, rng)
        )
        return self._allowed(configuration)

    def any(self, rng: random.Random) -> Configuration:
        """Return a configuration drawn uniformly, forbidden or not."""
        return self.draw(lambda name, _parameter: self.uniform(name, rng))

    def uniform(self, name: str, rng: random.Random) -> Value:
        """Return a random value of a parameter, where the search looks."""
        return self._within_focus(name, _uniform(self.parameters[name], rng))

    @cached_property
    def size(self) -> float:
        """An upper bound of the number of configurations; infinite with a continuous parameter."""
        return math.prod(parameter.size for parameter in self.parameters.values())


def key(configuration: Mapping[str, Value]) -> str:
    """Return text that is equal for equal configurations."""
    return json.dumps(configuration, sort_keys=True)


def order(parameters: Mapping[str, Parameter], conditions: Mapping[str, Expression]) -> list[str]:
    """Return the names so that conditions come after what they name; a circle's members keep their place."""
    done: list[str] = []
    waiting = list(parameters)
    while waiting:
        ready = [n for n in waiting if n not in conditions or not (conditions[n].names & set(waiting))]
        done += ready or waiting
        waiting = [name for name in waiting if name not in set(done)]
    return done


def _position(parameter: Parameter, value: Value) -> Value:
    return list[Value](parameter.choices).index(value) if isinstance(parameter, OrdinalParameter) else value


def from_optuna(parameter: Parameter, value: Value) -> Value:
    """Return Optuna's value of a parameter as ours."""
    return parameter.choices[int(value)] if isinstance(parameter, OrdinalParameter) else value


def _uniform(parameter: Parameter, rng: random.Random) -> Value:
    match parameter.type:
        case "float" | "int":
            if parameter.log:
                number = math.exp(rng.uniform(math.log(parameter.low), math.log(parameter.high)))
            elif parameter.type == "int":
                return parameter.low + rng.randrange(int(parameter.size)) * parameter.step
            else:
                number = rng.uniform(parameter.low, parameter.high)
            return parameter.mend(number)[0]
        case "bool":
            return rng.random() < 0.5
        case "categorical" | "ordinal":
            return rng.choice(parameter.choices)
