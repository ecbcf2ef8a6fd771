"""Results of a suite: what every cell gave, as one JSON file that can be compared, reported and kept."""

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..agent.statistics import Interval
from ..tools.errors import InputError
from . import statistics as st
from .cell import CellOutcome

SCHEMA_VERSION = 1

Table = dict[str, dict[str, NDArray[np.float64]]]
"""A number per arm, task and seed."""


class Results(BaseModel):
    """All cells of a suite, in its order. `missing` cells were not run, because of a cap or an interruption.

    Results do not change, so that what is computed from them is kept: a report asks for the same again and again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    suite: dict[str, Any] = Field(description="The suite's definition.")
    environment: dict[str, Any] = {}
    store: str = ""
    started: float = Field(default_factory=time.time)
    seconds: float = 0.0
    missing: int = 0
    stopped_by: str = ""
    cells: list[CellOutcome]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy that has computed nothing yet: what was computed belongs to the cells it came from."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    @cached_property
    def arms(self) -> list[str]:
        """The arms that have results, in the suite's order."""
        return [name for name in self.suite["arms"] if name in self._by_arm]

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks that have results, in order."""
        return list(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def marks(self) -> list[int]:
        """The budgets at which arms are compared."""
        return sorted({*self.suite.get("budgets", []), self.suite["trials"]})

    def of(self, arm: str, task: str | None = None) -> list[CellOutcome]:
        """Return the cells of an arm, on one task when given, in order of the tasks and seeds."""
        by_task = self._by_arm.get(arm, {})
        return [cell for name, cells in by_task.items() if task in {None, name} for cell in cells]

    @cached_property
    def _by_arm(self) -> dict[str, dict[str, list[CellOutcome]]]:
        """The cells by arm and task, in order of the tasks and seeds."""
        place = {task: index for index, task in enumerate(self.tasks)}
        found: dict[str, dict[str, list[CellOutcome]]] = {}
        for cell in sorted(self.cells, key=lambda cell: (place[cell.task], cell.seed)):
            found.setdefault(cell.arm, {}).setdefault(cell.task, []).append(cell)
        return found

    @cached_property
    def _paired(self) -> dict[str, set[int]]:
        """The seeds of each task that every arm has."""
        every = [self._by_arm[arm] for arm in self.arms]
        seeds = [{task: {cell.seed for cell in cells} for task, cells in by_task.items()} for by_task in every]
        return {task: set.intersection(*(each.get(task, set()) for each in seeds)) for task in self.tasks if seeds}

    def paired(self) -> list[tuple[str, int]]:
        """Return the (task, seed) that every arm has: only these are compared."""
        return [(task, seed) for task, seeds in self._paired.items() for seed in sorted(seeds)]

    @cached_property
    def _regrets(self) -> dict[int, Table]:
        return {}

    def regrets(self, mark: int) -> Table:
        """Return arm -> task -> regrets after `mark` trials, one per seed, paired across arms."""
        if mark not in self._regrets:
            self._regrets[mark] = self._table(lambda cell: cell.curve[min(mark, len(cell.curve)) - 1])
        return self._regrets[mark]

    def areas(self) -> Table:
        """Return arm -> task -> mean regret over all trials, one per seed."""
        return self._table(lambda cell: sum(cell.curve) / len(cell.curve))

    @cached_property
    def comparisons(self) -> dict[str, st.Comparison]:
        """Every other arm against the reference at the last budget; none where the reference has no results."""
        table, reference = self.regrets(self.marks[-1]), self.suite["reference"]
        return {each.arm: each for each in st.compare(table, reference)} if reference in table else {}

    @cached_property
    def means(self) -> dict[int, dict[str, Interval]]:
        """Each arm's mean regret after each budget."""
        return {mark: {arm: st.mean(each) for arm, each in self.regrets(mark).items()} for mark in self.marks}

    def _table(self, value: Callable[[CellOutcome], float]) -> Table:
        table: Table = {}
        for arm in self.arms:
            table[arm] = {}
            for task, cells in self._by_arm[arm].items():
                values = [value(cell) for cell in cells if cell.seed in self._paired[task] and cell.curve]
                if values:
                    table[arm][task] = np.array(values)
        return table

    def write(self, file: Path) -> None:
        """Write the results; readers never see half a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(file)


def load_results(path: Path) -> Results:
    """Read results; a folder stands for its results.json.

    Raises:
        InputError: there are none, or they cannot be read.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        return Results.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", "name a results.json, or the folder of one") from None
    except ValidationError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{file} holds no results of a suite: {first}", "write one with trimtab eval run") from None
