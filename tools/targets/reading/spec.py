"""How one metric is read, as a study file or a preset says it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .quantities import unit_of

_TAKES = ("last", "first", "mean", "median", "min", "max", "sum", "count")
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]+)?)")


class Reading(BaseModel):
    """Where a metric's number stands in what an evaluation wrote: by a pattern, in JSON, or in a column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: str | None = Field(None, description="Regular expression whose group 1 is the number, with its unit.")
    path: str | None = Field(None, description="Way to it in JSON: 'results.0.mean', 'jobs[0].read.iops', 'runs.*.ms'.")
    column: str | None = Field(None, description="Name of a column of CSV whose first line names the columns.")
    where: dict[str, str] = Field({}, description="Only rows with these values in these columns.")
    stream: Literal["stdout", "stderr"] | None = Field(
        None, description="Only there; else standard output, then error."
    )
    file: str | None = Field(None, description="File in the working directory to read instead.")
    take: str = Field("last", description="Of several: last, first, mean, median, min, max, sum, count, p95, ...")
    unit: str = Field("", description="Unit to give it in, such as 'ms'; else seconds, bytes or ones.")
    unit_path: str | None = Field(None, description="Way to the unit that JSON gives beside it.")
    printed_in: str = Field("", description="Unit of numbers that are printed without one.")
    decimal: Literal[".", ",", ""] = Field("", description="Sign before decimals, where numbers do not say.")
    description: str = Field("", description="What it is, for people.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(each is not None for each in (self.pattern, self.path, self.column)) != 1:
            raise ValueError("give one of pattern = '...', path = '...' (JSON) or column = '...' (CSV)")
        if self.file is not None and self.stream is not None:
            raise ValueError("file and stream exclude each other")
        if self.where and self.column is None:
            raise ValueError("where goes with column")
        if self.file is not None and (not self.file or "/" in self.file or self.file in {".", ".."}):
            raise ValueError(f"file = {self.file!r} must be a plain file name in the working directory")
        return self

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return pattern if pattern is None else checked(pattern)

    @field_validator("take")
    @classmethod
    def _known(cls, take: str) -> str:
        if take not in _TAKES and not _PERCENTILE.fullmatch(take):
            raise ValueError(f"{take!r} is not one of {', '.join(_TAKES)}, or a percentile such as p95")
        return take

    @field_validator("unit", "printed_in")
    @classmethod
    def _is_unit(cls, unit: str) -> str:
        if unit and unit_of(unit) is None:
            raise ValueError(f"{unit!r} is no known unit: ns, us, ms, s, min, h, B, KiB, MB, k, M, %, req/s, ...")
        return unit


def preset_names() -> list[str]:
    """Return the programs that have a preset."""
    return sorted(each.stem for each in (Path(__file__).parent / "presets").glob("*.toml"))


def checked(pattern: str) -> str:
    """Return a pattern that can be used.

    Raises:
        ValueError: it is no regular expression, or has no group.
    """
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if groups < 1:
        raise ValueError("has no group: put the number in parentheses")
    return pattern


def taken(values: Sequence[float], take: str) -> float:
    """Return one number for several, of which there is at least one."""
    from statistics import fmean, median

    match take:
        case "last":
            return values[-1]
        case "first":
            return values[0]
        case "mean":
            return fmean(values)
        case "median":
            return median(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "sum":
            return sum(values)
        case "count":
            return float(len(values))
        case _:
            return _percentile(sorted(values), float(take[1:]) / 100)


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile, between its neighbours where it lies between two."""
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
