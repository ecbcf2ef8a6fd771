"""The search space: parameters with conditions, and forbidden clauses.

One declaration gives Optuna's distributions, the JSON schema for models, validation, and repair.
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ...tools.expressions import Expression, Value, parse
from ...tools.spelling import did_you_mean
from .parameters import OrdinalParameter, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

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
    ) -> None:
        """Build a space from parameters whose conditions name each other without a circle (checked by the study).

        `focus` moves values of a parameter to where the search looks; repair and sampling use it, the default not.
        """
        self.focus = focus or {}
        self.conditions = {name: parse(p.when) for name, p in parameters.items() if p.when is not None}
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
        """Return `configuration`, or a near one that no clause forbids, at worst the default."""
        current = configuration
        for _attempt in range(len(self.forbidden) + 1):
            clause = self.violated(current)
            if clause is None:
                return current
            outside = None
            for near in self._neighbours(current, clause):
                if self.violated(near) is None:
                    return near
                if outside is None and not clause.expression.holds(near):
                    outside = near
            if outside is None:
                break
            current = outside
        return self.default

    def _neighbours(self, configuration: Configuration, clause: Clause) -> Iterator[Configuration]:
        """Yield configurations that differ in one parameter of a clause: its default first, then other values."""
        for name in sorted(clause.expression.names & configuration.keys(), key=list(self.parameters).index):
            parameter = self.parameters[name]
            for value in dict.fromkeys(self.focused(name, parameter, each) for each in _alternatives(parameter)):
                yield self.complete({**configuration, name: value})

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

        Where nearly everything is forbidden, after 1,000 draws the last one is repaired instead.
        """
        for _attempt in range(1000):
            configuration = self.draw(lambda name, parameter: self.focused(name, parameter, _uniform(parameter, rng)))
            if self.violated(configuration) is None:
                return configuration
        return self._allowed(configuration)

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


def _alternatives(parameter: Parameter) -> list[Value]:
    match parameter.type:
        case "float" | "int":
            middle, _why = parameter.mend((parameter.low + parameter.high) / 2)
            return [parameter.default, parameter.low, parameter.high, middle]
        case "bool":
            return [parameter.default, not parameter.default]
        case "categorical" | "ordinal":
            return [parameter.default, *parameter.choices]


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
