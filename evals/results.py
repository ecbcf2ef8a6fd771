"""Results of a suite: what every cell gave, as one JSON file that can be compared, reported and kept."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..tools.errors import InputError
from .cell import Outcome

SCHEMA_VERSION = 1


class Results(BaseModel):
    """All cells of a suite, in its order. `missing` cells were not run, because of a cap or an interruption."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    suite: dict[str, Any] = Field(description="The suite's definition.")
    environment: dict[str, Any] = {}
    store: str = ""
    started: float = Field(default_factory=time.time)
    seconds: float = 0.0
    missing: int = 0
    stopped_by: str = ""
    cells: list[Outcome]

    @property
    def arms(self) -> list[str]:
        """The arms that have results, in the suite's order."""
        there = {cell.arm for cell in self.cells}
        return [name for name in self.suite["arms"] if name in there]

    @property
    def tasks(self) -> list[str]:
        """The tasks that have results, in order."""
        return list(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def marks(self) -> list[int]:
        """The budgets at which arms are compared."""
        return sorted({*self.suite.get("budgets", []), self.suite["trials"]})

    def of(self, arm: str, task: str | None = None) -> list[Outcome]:
        """Return the cells of an arm, on one task when given, in order of the seeds."""
        found = [cell for cell in self.cells if cell.arm == arm and task in {None, cell.task}]
        return sorted(found, key=lambda cell: (self.tasks.index(cell.task), cell.seed))

    def paired(self) -> list[tuple[str, int]]:
        """Return the (task, seed) that every arm has: only these are compared."""
        have = [{(cell.task, cell.seed) for cell in self.of(arm)} for arm in self.arms]
        return sorted(set.intersection(*have), key=lambda pair: (self.tasks.index(pair[0]), pair[1])) if have else []

    def regrets(self, mark: int) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return arm -> task -> regrets after `mark` trials, one per seed, paired across arms."""
        return self._table(lambda cell: cell.curve[min(mark, len(cell.curve)) - 1])

    def areas(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return arm -> task -> mean regret over all trials, one per seed."""
        return self._table(lambda cell: float(np.mean(cell.curve)))

    def _table(self, value: Any) -> dict[str, dict[str, NDArray[np.float64]]]:
        keep = set(self.paired())
        table: dict[str, dict[str, NDArray[np.float64]]] = {}
        for arm in self.arms:
            cells = [cell for cell in self.of(arm) if (cell.task, cell.seed) in keep and cell.curve]
            table[arm] = {
                task: np.array([value(cell) for cell in cells if cell.task == task])
                for task in self.tasks
                if any(cell.task == task for cell in cells)
            }
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
        return Results.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", "name a results.json, or the folder of one") from None
    except (ValidationError, json.JSONDecodeError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{file} holds no results of a suite: {first}", "write one with trimtab eval run") from None
