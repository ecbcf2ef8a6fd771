"""Measured tables of real systems as tasks: any configuration is looked up at the nearest one that was measured.

The data and its licence: SOURCE.md and LICENSE-moot.md in this folder. A new table is a CSV file here.
"""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...tools.expressions import Value


@dataclass(frozen=True)
class Table:
    """A measured system. `points` are its configurations in [0, 1], `values` their mean outcomes (minimise)."""

    name: str
    options: tuple[str, ...]
    levels: tuple[tuple[float, ...], ...]
    points: NDArray[np.float32]
    values: NDArray[np.float64]

    @property
    def best(self) -> float:
        """The smallest outcome."""
        return float(self.values.min())

    @property
    def median(self) -> float:
        """The middle outcome: what a random configuration gives."""
        return float(np.median(self.values))

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Return the options as parameters of a study; the default is the first level of each."""
        found: dict[str, dict[str, Any]] = {}
        for option, levels in zip(self.options, self.levels, strict=True):
            if levels == (0.0, 1.0):
                found[option] = {"type": "bool", "default": False}
            else:
                found[option] = {"type": "ordinal", "choices": list(levels), "default": levels[0]}
        return found

    def look_up(self, configuration: Mapping[str, Value]) -> float:
        """Return the outcome of the nearest measured configuration."""
        point = [
            levels.index(float(configuration[option])) / (len(levels) - 1)
            for option, levels in zip(self.options, self.levels, strict=True)
        ]
        distances = ((self.points - np.array(point, dtype=np.float32)) ** 2).sum(axis=1)
        return float(self.values[np.argmin(distances)])

    def regret(self, value: float) -> float:
        """Return an outcome as normalised regret: 0 is the best, 1 the median configuration."""
        return (value - self.best) / (self.median - self.best)


def table_names() -> list[str]:
    """Return the shipped tables."""
    return sorted(f.name.removesuffix(".csv.gz") for f in files(__name__).iterdir() if f.name.endswith(".csv.gz"))


@cache
def load_table(name: str) -> Table:
    """Return a shipped table; options that never vary are left out, repeated measurements are averaged."""
    with gzip.open(files(__name__).joinpath(f"{name}.csv.gz").open("rb"), "rt", encoding="utf-8") as text:
        header, *rows = [row for row in csv.reader(text) if row]
    data = np.array([[float(cell) for cell in row] for row in rows])
    varied = [index for index in range(data.shape[1] - 1) if len(np.unique(data[:, index])) > 1]
    configurations, where = np.unique(data[:, varied], axis=0, return_inverse=True)
    where = where.ravel()
    values = np.bincount(where, weights=data[:, -1]) / np.bincount(where)
    levels = [np.unique(configurations[:, column]) for column in range(len(varied))]
    scaled = [np.searchsorted(each, configurations[:, c]) / (len(each) - 1) for c, each in enumerate(levels)]
    return Table(
        name=name,
        options=tuple(header[index].strip() for index in varied),
        levels=tuple(tuple(float(level) for level in each) for each in levels),
        points=np.column_stack(scaled).astype(np.float32),
        values=values,
    )
