"""Configurations as points of the unit cube, for surrogates: one column per parameter, -1 where it is inactive."""

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...tools.expressions import Value
from ..parameters import Parameter
from ..space import Configuration, Space

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
        return np.array([self.encode(self.decode(point)) for point in points])


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
