"""Measured tables: CSV files, options first, the measured metric in the last column."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.expressions import Value
from ..card import Card
from ..grid import Grid, cached_grid
from ..rows import Rows
from ..task import Task


def build(card: Card, dataset: str) -> Task:
    """Return the task of `<dataset>.csv.gz` (or `data.csv.gz`) in the card's folder."""
    path = card.folder / f"{dataset or 'data'}.csv.gz"
    return table_task(card, dataset, cached_grid(path, lambda: _read(path)))


def table_task(card: Card, dataset: str, grid: Grid | Rows) -> Task:
    """Return the task of looking configurations up in measured ones; the card's parameters go before the grid's."""
    best = min(grid.own, key=card.loss)

    def measure(configuration: Mapping[str, Value], _seed: int) -> dict[str, float]:
        if card.unmeasured == "refuse" and not grid.is_measured(configuration):
            raise ValueError("this configuration was not measured")
        return {card.metric: grid.look_up(configuration)}

    described = card.describe.get(dataset, card.description)
    sections = {
        "study": {"name": (dataset or card.folder.name).replace(" ", "-"), "description": described},
        "parameters": card.parameters or {name: _parameter(levels) for name, levels in grid.levels.items()},
        "objectives": [{"metric": card.metric, "direction": card.direction, "unit": card.unit}],
        "evaluation": {"command": ["true"]},
    }
    return Task(
        name=f"{card.folder.name}/{dataset}" if dataset else card.folder.name,
        card=card,
        sections=sections,
        best=float(best),
        typical=float(np.median(grid.own)),
        measure=measure,
        truth=grid.look_up,
    )


def _parameter(levels: tuple[Value, ...]) -> dict[str, Any]:
    """Return an option as a parameter of a study; the default is its first level."""
    if levels == (0.0, 1.0):
        return {"type": "bool", "default": False}
    if isinstance(levels[0], str):
        return {"type": "categorical", "choices": list(levels), "default": levels[0]}
    return {"type": "ordinal", "choices": list(levels), "default": levels[0]}


def _read(path: Path) -> tuple[dict[str, tuple[Value, ...]], NDArray[np.int64], NDArray[np.float64]]:
    """Return levels, measured cells and values; options that never vary are left out, words are levels of no order."""
    with gzip.open(path, "rt", encoding="utf-8") as text:
        header, *rows = [row for row in csv.reader(text) if row]
    columns = [_numbers(column) for column in zip(*rows, strict=True)]
    levels: dict[str, tuple[Value, ...]] = {}
    where = []
    for name, column in zip(header[:-1], columns, strict=False):
        found, at = np.unique(column, return_inverse=True)
        if len(found) > 1:
            levels[name.strip()] = tuple(found.tolist())
            where.append(at.ravel())
    return levels, np.column_stack(where), np.asarray(columns[-1], dtype=np.float64)


def _numbers(column: Sequence[str]) -> NDArray[np.float64] | NDArray[np.str_]:
    """Return a column as numbers, as words where one is none."""
    try:
        return np.array([float(cell) for cell in column])
    except ValueError:
        return np.array([cell.strip() for cell in column])
