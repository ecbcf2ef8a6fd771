"""Configurations as points of the unit cube, for surrogates: one column per parameter, -1 where it is inactive."""

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...tools.expressions import Value
from ..study.parameters import Parameter
from ..study.space import Configuration, Space

Points = NDArray[np.float64]
INACTIVE = -1.0


class Encoding:
    """Maps configurations of a space to points and back. Choices stand at the middles of equal shares of [0, 1]."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.names = list(space.parameters)
        self._columns = {name: index for index, name in enumerate(self.names)}

    @cached_property
    def categorical(self) -> NDArray[np.bool_]:
        """Which columns have no order."""
        return np.array([each.type in {"categorical", "bool"} for each in self.space.parameters.values()])

    def encode(self, configuration: Mapping[str, Value]) -> Points:
        """Return a configuration's point, shape (parameters,)."""
        parameters = self.space.parameters
        return np.array(
            [to_unit(parameters[n], configuration[n]) if n in configuration else INACTIVE for n in self.names]
        )

    def decode(self, point: Points) -> Configuration:
        """Return the configuration at a point; inactive parameters are left out, wherever their columns stand."""
        return self.space.draw(lambda name, parameter: from_unit(parameter, float(point[self._columns[name]])))

    def snap(self, points: Points) -> Points:
        """Return the points where configurations really are, shape (n, parameters)."""
        snapped = np.clip(points, 0.0, 1.0)
        for column, parameter in enumerate(self.space.parameters.values()):
            snapped[:, column] = _snapped(parameter, snapped[:, column])
        if self._conditional:
            _unique, first, which = np.unique(
                snapped[:, self._conditional], axis=0, return_index=True, return_inverse=True
            )
            inactive = np.array([self.encode(self.decode(point)) == INACTIVE for point in snapped[first]])
            snapped[inactive[which.ravel()]] = INACTIVE
        return snapped

    @cached_property
    def _conditional(self) -> list[int]:
        """The columns that decide which parameters are active."""
        named = {name for condition in self.space.conditions.values() for name in condition.names}
        return sorted(self._columns[name] for name in named)


def _snapped(parameter: Parameter, places: Points) -> Points:
    """Return where the parameter's values nearest to places in [0, 1] stand, shape (n,), to within rounding."""
    match parameter.type:
        case "float" | "int":
            low, high, step = float(parameter.low), float(parameter.high), parameter.step
            if high == low:
                return np.full_like(places, 0.5)
            if step is None:
                return places
            numbers = low * (high / low) ** places if parameter.log else low + places * (high - low)
            numbers = np.clip(low + np.rint((numbers - low) / step) * step, low, high)
            return np.asarray(
                np.log(numbers / low) / math.log(high / low) if parameter.log else (numbers - low) / (high - low)
            )
        case "bool" | "categorical" | "ordinal":
            count = 2 if parameter.type == "bool" else len(parameter.choices)
            return (np.minimum(np.floor(places * count), count - 1) + 0.5) / count


def to_unit(parameter: Parameter, value: Value) -> float:
    """Return where a value stands in [0, 1]."""
    match parameter.type:
        case "float" | "int":
            low, high, at = float(parameter.low), float(parameter.high), float(value)
            if parameter.log:
                low, high, at = math.log(low), math.log(high), math.log(at)
            return 0.5 if high == low else (at - low) / (high - low)
        case "bool":
            return 0.75 if value else 0.25
        case "categorical" | "ordinal":
            return (list[Value](parameter.choices).index(value) + 0.5) / len(parameter.choices)


def from_unit(parameter: Parameter, at: float) -> Value:
    """Return the value that stands at a place in [0, 1]; places outside are clamped."""
    at = min(max(at, 0.0), 1.0)
    match parameter.type:
        case "float" | "int":
            low, high = float(parameter.low), float(parameter.high)
            if parameter.log:
                number = math.exp(math.log(low) + at * (math.log(high) - math.log(low)))
            else:
                number = low + at * (high - low)
            return parameter.mend(number)[0]
        case "bool":
            return at >= 0.5
        case "categorical" | "ordinal":
            return parameter.choices[min(int(at * len(parameter.choices)), len(parameter.choices) - 1)]
