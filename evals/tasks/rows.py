"""Measured configurations as they are: for tables whose full grid would be too large."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...tools.expressions import Value


@dataclass(frozen=True)
class Rows:
    """Measured values of some combinations of levels; any other is answered by the nearest row.

    The distance is that of a `Grid`: squared in the unit cube of the levels' ranks, 1 between any two words, ties
    to the row that comes first. `where` are the rows' level indices, shape (n, parameters), `values` are of shape (n,).
    """

    levels: Mapping[str, tuple[Value, ...]]
    where: NDArray[np.integer[Any]]
    values: NDArray[np.float64]
    _index: list[dict[Value, int]] = field(init=False, repr=False)
    _ends: NDArray[np.float64] = field(init=False, repr=False)
    _words: NDArray[np.bool_] = field(init=False, repr=False)
    _found: dict[bytes, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        levels = self.levels.values()
        index = [{level: at for at, level in enumerate(each)} for each in levels]
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_ends", np.array([max(len(each) - 1, 1) for each in levels], dtype=float))
        object.__setattr__(self, "_words", np.array([isinstance(each[0], str) for each in levels]))

    @property
    def own(self) -> NDArray[np.float64]:
        """The values that were measured."""
        return self.values

    def look_up(self, configuration: Mapping[str, Value]) -> float:
        """Return the value of the nearest measured configuration."""
        return float(self.values[self._nearest(self._place(configuration))])

    def is_measured(self, configuration: Mapping[str, Value]) -> bool:
        """Whether this very configuration was measured."""
        place = self._place(configuration)
        return bool((self.where[self._nearest(place)] == place).all())

    def _place(self, configuration: Mapping[str, Value]) -> NDArray[np.int64]:
        named = zip(self.levels, self._index, strict=True)
        return np.array([at[configuration[name]] for name, at in named], dtype=np.int64)

    def _nearest(self, place: NDArray[np.int64]) -> int:
        if place.tobytes() not in self._found:
            away = ((self.where - place) / self._ends) ** 2
            away[:, self._words] = self.where[:, self._words] != place[self._words]
            distance = away.sum(axis=1)
            self._found[place.tobytes()] = int(np.argmax(distance <= distance.min() + 1e-9))
        return self._found[place.tobytes()]


def rows_of(
    levels: Mapping[str, tuple[Value, ...]], where: NDArray[np.integer[Any]], values: NDArray[np.float64]
) -> Rows:
    """Return the rows of a table; repeated measurements of a configuration are averaged."""
    own, which = np.unique(where, axis=0, return_inverse=True)
    sums = np.bincount(which.ravel(), weights=values, minlength=len(own))
    return Rows(dict(levels), own, np.asarray(sums / np.bincount(which.ravel(), minlength=len(own))))
