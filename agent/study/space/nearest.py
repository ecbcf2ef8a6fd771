"""Finds the nearest values that no clause forbids: fewest changes, smallest steps, else the default's."""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ....tools.expressions import Value
from ..parameters import Parameter
from .coupled import Group, TooMuchWorkError, Values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PER_CHANGE, _TOWARDS_DEFAULT = 0.01, 1e-4
_WORK, _MOST_TRIED, _PROBES, _HALVINGS, _PULLED = 20_000, 200, 40, 30, 8


class Surrounding(Protocol):
    """What of the space the search needs."""

    def complete(self, values: Mapping[str, Value]) -> Values:
        """Return valid values with inactive parameters dropped and missing ones at their defaults."""

    def uniform(self, name: str, rng: random.Random) -> Value:
        """Return a random value of a parameter, where the search looks."""

    def focused(self, name: str, parameter: Parameter, value: Value) -> Value:
        """Return a valid value of a parameter, moved to where the search looks."""


class Neighbourhood:
    """The allowed values of a group, by their distance from others."""

    def __init__(self, group: Group, space: Surrounding) -> None:
        self.group, self.space = group, space

    def nearest(self, configuration: Mapping[str, Value]) -> Values | None:
        """Return allowed values of the group near those of a configuration; None when none were found."""
        if self.group.listed is not None:
            return self._nearest_listed(configuration)
        single = self._one_exchange(configuration)
        if single is not None:
            return single
        try:
            found = next(self.group.search(lambda name: self._near_to_far(name, configuration), _WORK), None)
        except TooMuchWorkError:
            found = None
        return found or self._pulled(configuration)

    def _nearest_listed(self, configuration: Mapping[str, Value]) -> Values | None:
        if not self.group.listed:
            return None
        costs: Any = 0.0
        for name, places in self._places.items():
            parameter = self.group.parameters[name]
            mine, default = place(parameter, configuration.get(name)), place(parameter, parameter.default)
            costs = costs + _costs(places, mine, parameter) + _TOWARDS_DEFAULT * _differs(places, default)
        return dict(self.group.listed[int(costs.argmin())])

    @cached_property
    def _places(self) -> "dict[str, NDArray[np.float64]]":
        """Where the listed combinations stand, by parameter."""
        import numpy as np

        listed, parameters = self.group.listed or [], self.group.parameters
        return {name: np.array([place(parameters[name], each.get(name)) for each in listed]) for name in parameters}

    def _one_exchange(self, configuration: Mapping[str, Value]) -> Values | None:
        """Return the nearest allowed values that differ in one parameter; None when there are none."""
        best: tuple[float, Values] | None = None
        named = {name for part in self.group.parts if part.holds(configuration) for name in part.names}
        for name in (each for each in self.group.names if each in named and each in configuration):
            found = self._exchanged(name, configuration)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        return None if best is None else {n: v for n, v in best[1].items() if n in self.group.names}

    def _exchanged(self, name: str, configuration: Mapping[str, Value]) -> tuple[float, Values] | None:
        """Return the smallest change of one parameter that is enough, with what it costs."""
        parameter, value = self.group.parameters[name], configuration[name]

        def changed(to: Value) -> Values:
            return self.space.complete({**configuration, name: to})

        def allowed(to: Value) -> bool:
            return self.group.holds(changed(to))

        tried = self.group.domain.get(name)
        if tried is not None and len(tried) <= _MOST_TRIED:
            order = sorted(tried, key=lambda to: _change(parameter, value, to))
            found = next((to for to in order if allowed(to)), None)
        else:
            found = _edge(parameter, value, lambda to: allowed(self.space.focused(name, parameter, to)))
        if found is None:
            return None
        found = self.space.focused(name, parameter, found)
        return _change(parameter, value, found), changed(found)

    def _pulled(self, configuration: Mapping[str, Value]) -> Values | None:
        """Return the nearest of some allowed values by chance, each moved towards the configuration one by one."""
        rng = random.Random(json.dumps(dict(configuration), sort_keys=True))
        best: tuple[float, Values] | None = None
        for _attempt in range(_PULLED):
            found = self.group.draw(rng, lambda name: self.space.uniform(name, rng))
            if found is None:
                return None if best is None else best[1]
            for name in self.group.names:
                found = self._moved(found, name, configuration)
            cost = sum(
                _change(self.group.parameters[name], configuration[name], value)
                for name, value in found.items()
                if name in configuration
            )
            best = min(best or (cost, found), (cost, found), key=lambda each: each[0])
        return None if best is None else best[1]

    def _moved(self, values: Values, name: str, configuration: Mapping[str, Value]) -> Values:
        """Return allowed values with one of them as near to the configuration's as clauses let it come."""
        parameter = self.group.parameters[name]
        if name not in values or name not in configuration or values[name] == configuration[name]:
            return values

        def changed(to: Value) -> Values:
            whole = self.space.complete({**configuration, **values, name: self.space.focused(name, parameter, to)})
            return {each: value for each, value in whole.items() if each in self.group.names}

        wanted = configuration[name]
        if self.group.holds(changed(wanted)):
            return changed(wanted)
        if parameter.type not in {"float", "int"}:
            return values
        good, bad = place(parameter, values[name]), place(parameter, wanted)
        for _halving in range(_HALVINGS):
            middle = (good + bad) / 2
            holds = self.group.holds(changed(_value_at(parameter, middle)))
            good, bad = (middle, bad) if holds else (good, middle)
        nearer = changed(_value_at(parameter, good))
        return nearer if self.group.holds(nearer) else values

    def _near_to_far(self, name: str, configuration: Mapping[str, Value]) -> list[Value]:
        parameter = self.group.parameters[name]
        value = configuration.get(name, parameter.default)
        values = self.group.domain.get(name)
        if values is None:
            values = [value, *(near for near, _rest in zip(_probes(parameter, value), range(_PROBES), strict=False))]
            values = list(dict.fromkeys(self.space.focused(name, parameter, each) for each in values))
        return sorted(values, key=lambda to: _change(parameter, value, to))[:_MOST_TRIED]


def place(parameter: Parameter, value: Value | None) -> float:
    """Return where a value stands: 0 to 1 between a number's ends, a position among choices; NaN where it is none."""
    if value is None:
        return math.nan
    match parameter.type:
        case "float" | "int":
            low, high, at = float(parameter.low), float(parameter.high), float(value)
            if parameter.log:
                low, high, at = math.log(low), math.log(high), math.log(at)
            return 0.5 if high == low else (at - low) / (high - low)
        case "bool":
            return float(value)
        case "categorical":
            return float(parameter.choices.index(value))
        case "ordinal":
            return parameter.choices.index(value) / max(len(parameter.choices) - 1, 1)


def _value_at(parameter: Parameter, at: float) -> Value:
    """Return the value at a place of a number's range."""
    assert parameter.type in {"float", "int"}
    low, high = float(parameter.low), float(parameter.high)
    at = min(max(at, 0.0), 1.0)
    number = low * (high / low) ** at if parameter.log else low + at * (high - low)
    return parameter.mend(number)[0]


def _change(parameter: Parameter, value: Value, to: Value) -> float:
    """Return what a change costs: 1 among choices without order, else its size; less where it goes to the default."""
    if value == to:
        return 0.0
    away = 0.0 if to == parameter.default else _TOWARDS_DEFAULT
    if parameter.type in {"categorical", "bool"}:
        return 1.0 + away
    return abs(place(parameter, value) - place(parameter, to)) + _PER_CHANGE + away


def _edge(parameter: Parameter, value: Value, allowed: Callable[[Value], bool]) -> Value | None:
    """Return the nearest allowed number: looked for in growing steps to both sides, then between the last two."""
    if parameter.type not in {"float", "int"}:
        return None
    at = place(parameter, value)
    for near in _probes(parameter, value):
        if allowed(near):
            bad, good = at, place(parameter, near)
            for _halving in range(_HALVINGS):
                middle = (bad + good) / 2
                bad, good = (bad, middle) if allowed(_value_at(parameter, middle)) else (middle, good)
            closest = _value_at(parameter, good)
            return closest if allowed(closest) else near
    return None


def _probes(parameter: Parameter, value: Value) -> Iterator[Value]:
    at = place(parameter, value)
    for step in range(_PROBES):
        distance = 1e-3 * (1e3 ** (step / (_PROBES - 1)))
        for side in (at - distance, at + distance):
            yield _value_at(parameter, side)


def _costs(places: "NDArray[np.float64]", mine: float, parameter: Parameter) -> "NDArray[np.float64]":
    import numpy as np

    changed = _differs(places, mine)
    if parameter.type in {"categorical", "bool"}:
        return changed
    moved: NDArray[np.float64] = np.nan_to_num(np.abs(places - mine)) + _PER_CHANGE * changed
    return moved


def _differs(places: "NDArray[np.float64]", mine: float) -> "NDArray[np.float64]":
    import numpy as np

    there = ~(np.isnan(places) | np.isnan(mine))
    found: NDArray[np.float64] = (there & (places != mine)).astype(float)
    return found
