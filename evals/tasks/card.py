"""A task's card: what it is, where it comes from, and how a result on it is read."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...tools.errors import InputError


class Card(BaseModel):
    """The content of `card.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="How the task is built: a module of `kinds`.")
    description: str = Field(description="What is being tuned, in a sentence; planners read it.")
    source: str = Field(description="Where data or code come from.")
    licence: str
    metric: str = "value"
    direction: Literal["minimize", "maximize"] = "minimize"
    unit: str = ""
    datasets: list[str] = Field([], description="Several tasks of one kind: one per data set.")
    describe: dict[str, str] = Field({}, description="Data set to a sentence that planners read, if it has its own.")
    parameters: dict[str, dict[str, Any]] = Field({}, description="As in a study file; where the data does not say.")
    best_known: float | None = Field(None, description="Of the metric; where the data does not say.")
    typical: float | None = Field(None, description="What a random configuration gives; where the data does not say.")
    unmeasured: Literal["nearest", "refuse"] = "nearest"
    options: dict[str, Any] = Field({}, description="What the kind needs beyond this.")
    folder: Path = Field(Path(), exclude=True)

    def loss(self, value: float) -> float:
        """Return the metric as a number to minimise."""
        return -value if self.direction == "maximize" else value


@cache
def read_card(folder: Path) -> Card:
    """Read a folder's card.

    Raises:
        InputError: it is not a card.
    """
    path = folder / "card.toml"
    try:
        return Card(**tomllib.loads(path.read_text(encoding="utf-8")), folder=folder)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", "a task folder needs a readable card.toml") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where}: {first['msg']}", "see the cards that are shipped") from None
