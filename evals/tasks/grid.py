"""Measured configurations as a full grid on the disk, memory-mapped, so that a look-up is one array access.

Every cell of the grid knows the nearest measured configuration: squared distance in the unit cube, 1 between any two
words, ties to the configuration that comes first. Found for all cells at once, dimension by dimension (Felzenszwalb &
Huttenlocher, Theory of Computing 2012).
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from ...tools.expressions import Value
from .rows import Rows, rows_of

MOST_CELLS = 20_000_000
_FORMAT = b"1"


@dataclass(frozen=True)
class Grid:
    """Measured values over all combinations of levels. `values` and `measured` have one entry a cell, row-major."""

    levels: Mapping[str, tuple[Value, ...]]
    values: NDArray[np.float64]
    measured: NDArray[np.bool_]
    _index: dict[str, dict[Value, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        stride, index = 1, {}
        for name, levels in reversed(list(self.levels.items())):
            index[name] = {level: at * stride for at, level in enumerate(levels)}
            stride *= len(levels)
        object.__setattr__(self, "_index", index)

    def look_up(self, configuration: Mapping[str, Value]) -> float:
        """Return the value of the nearest measured configuration."""
        return float(self.values[self._cell(configuration)])

    def is_measured(self, configuration: Mapping[str, Value]) -> bool:
        """Whether this very configuration was measured."""
        return bool(self.measured[self._cell(configuration)])

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """The values that were measured."""
        return np.asarray(self.values[self.measured])

    def _cell(self, configuration: Mapping[str, Value]) -> int:
        return sum([at[configuration[name]] for name, at in self._index.items()])


def cached_grid(
    source: Path, read: Callable[[], tuple[dict[str, tuple[Any, ...]], NDArray[Any], NDArray[Any]]]
) -> Grid | Rows:
    """Return the grid of a data file, read once and kept in the user's cache folder under the data's checksum.

    Where it would have more than `MOST_CELLS` cells, the rows alone are returned, and nothing is kept.

    `read` returns the levels, the measured cells' level indices, shape (n, parameters), and their values, shape (n,).
    """
    mark = hashlib.sha256(_FORMAT + source.read_bytes()).hexdigest()[:24]
    kept = platformdirs.user_cache_path("trimtab") / "grids" / f"{source.name.partition('.')[0]}-{mark}"
    levels, where, values = None, None, None
    if not (kept / "values.npy").exists():
        levels, where, values = read()
        if math.prod(len(each) for each in levels.values()) > MOST_CELLS:
            return rows_of(levels, where, values)
        grid = build_grid(levels, where, values)
        _keep(kept, grid)
        return grid
    names = np.load(kept / "levels.npz", allow_pickle=False)
    levels = {name: tuple(names[name].tolist()) for name in names.files}
    mapped = [np.load(kept / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ("values", "measured")]
    return Grid(levels, mapped[0], mapped[1])


def build_grid(
    levels: Mapping[str, tuple[Any, ...]], where: NDArray[np.integer[Any]], values: NDArray[np.float64]
) -> Grid:
    """Fill the grid from measured cells; repeated measurements of a cell are averaged."""
    shape = tuple(len(each) for each in levels.values())
    size = math.prod(shape)
    if size > MOST_CELLS:
        raise ValueError(f"{size:,} combinations of levels are too many for a grid (at most {MOST_CELLS:,})")
    cells = np.ravel_multi_index(tuple(where.T), shape)
    counts = np.bincount(cells, minlength=size)
    measured = counts > 0
    means: NDArray[np.float64] = np.bincount(cells, weights=values, minlength=size).astype(np.float64)
    means[measured] /= counts[measured]
    unordered = [isinstance(each[0], str) for each in levels.values()]
    return Grid(dict(levels), means[_nearest(measured, shape, unordered)], measured)


def _nearest(measured: NDArray[np.bool_], shape: tuple[int, ...], unordered: Sequence[bool]) -> NDArray[np.int64]:
    """Return for every cell the nearest measured cell; `unordered` axes hold words."""
    distance = np.where(measured, 0.0, np.inf).reshape(shape)
    nearest = np.where(measured, np.arange(measured.size), measured.size).reshape(shape)
    for axis, length in enumerate(shape):  # infinities are cells that no measured one has reached yet
        away = np.moveaxis(distance, axis, 0)
        source = np.moveaxis(nearest, axis, 0)
        best, chosen = away.copy(), source.copy()
        for step in range(1, length):
            cost = 1.0 if unordered[axis] else (step / (length - 1)) ** 2
            for to, start in ((slice(step, None), slice(None, -step)), (slice(None, -step), slice(step, None))):
                other, theirs = away[start] + cost, source[start]
                closer = other < best[to] - 1e-9
                tied = (other <= best[to] + 1e-9) & (theirs < chosen[to])
                take = closer | tied
                best[to] = np.where(take, other, best[to])
                chosen[to] = np.where(take, theirs, chosen[to])
        distance, nearest = np.moveaxis(best, 0, axis), np.moveaxis(chosen, 0, axis)
    return nearest.reshape(-1)


def _keep(folder: Path, grid: Grid) -> None:
    """Write a grid where it is found next time; several processes may do so at once, the last one wins."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("levels.npz", "measured.npy", "values.npy"):  # values last: they say that the grid is complete
        handle, path = tempfile.mkstemp(dir=folder, suffix=name)
        with os.fdopen(handle, "wb") as file:
            if name == "levels.npz":
                np.savez(file, **{option: np.array(each) for option, each in grid.levels.items()})  # type: ignore[arg-type]
            else:
                np.save(file, getattr(grid, name.partition(".")[0]))
        Path(path).replace(folder / name)
