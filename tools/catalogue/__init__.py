"""Catalogues: the documented knobs of known systems, with sane values as functions of memory and cores.

A catalogue is a TOML file in this folder, named after its system. Knobs are matched to a study's parameters by
name and unit.
"""

import contextlib
import math
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..expressions import Value, parse, value_of
from .units import converted

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
MACHINE = frozenset({"memory", "cores"})
"""What expressions may use: bytes of memory, and processors."""


KnobType = Literal["integer", "real", "boolean", "choice", "text"]
Context = Literal["restart", "reload", "session", "fixed"]
Risk = Literal["performance", "resource", "durability", "replication", "observability"]


class Knob(BaseModel):
    """One documented setting of a system. Numbers are in `unit`; expressions may use what profiles may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    source: str = Field(description="Where this is documented.")
    default: Value = Field(description="The system's own default.")
    unit: str = ""
    counted: str = Field("", description="The unit in which the system itself counts, where that is another.")
    type: KnobType | None = None
    minimum: float | None = Field(None, description="The least that the system takes.")
    maximum: float | None = Field(None, description="The most that it takes.")
    choices: list[str] = Field([], description="The words that it takes.")
    context: Context | None = Field(None, description="What brings a change into effect.")
    group: str = ""
    risk: Risk = Field("performance", description="What a bad value endangers.")
    excluded: str = Field("", description="Why it is never tuned unless a study names it: 'durability' and the like.")
    search: tuple[str, str] | None = Field(None, description="Expressions: between which values a search is worth it.")
    log: bool = Field(False, description="Its effect goes with the logarithm.")
    sane: str | None = Field(None, description="Expression: a value that does for most.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.choices and self.default not in self.choices:
            raise ValueError(f"default {self.default!r} is not one of choices")
        if self.type in {"integer", "real"} and not self._within(self.default):
            raise ValueError(f"default {self.default!r} is not between minimum and maximum")
        for text in (*(self.search or ()), *([self.sane] if self.sane is not None else [])):
            if unknown := parse(text).names - MACHINE:
                raise ValueError(
                    f"{text!r} names {sorted(unknown)[0]!r}, which is none of {', '.join(sorted(MACHINE))}"
                )
        return self

    def _within(self, value: Value) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return isinstance(value, int | float) and low <= value <= high

    def range_on(self, machine: Mapping[str, Value]) -> tuple[float, float] | None:
        """Return between which values a search is worth it on a machine, inside the system's own bounds."""
        if self.search is None:
            return None
        low, high = (float(str(value_of(parse(text), machine))) for text in self.search)
        low = max(low, low if self.minimum is None else self.minimum)
        high = min(high, high if self.maximum is None else self.maximum)
        return (math.ceil(low), max(math.ceil(low), math.floor(high))) if self.type == "integer" else (low, high)


class Profile(BaseModel):
    """Values that go together for a kind of workload; each an expression over `memory` (bytes) and `cores`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    values: dict[str, str]


class Catalogue(BaseModel):
    """The knobs of one system, and profiles from the most generally useful to the most special."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    version: str
    knobs: dict[str, Knob]
    profiles: dict[str, Profile]

    def recommend(self, profile: str, units: Mapping[str, str], machine: Mapping[str, Value]) -> dict[str, Any]:
        """Return a profile's values for the parameters in `units` (name to unit) that the catalogue knows.

        Where a study counts in another unit of the same kind, such as GB for MB, values are converted.
        """
        found: dict[str, Any] = {}
        for name, text in self.profiles[profile].values.items():
            if name in units:
                value = parse(text)(machine)
                if (
                    units[name] == self.knobs[name].unit
                    or isinstance(value, bool)
                    or not isinstance(value, int | float)
                ):
                    found[name] = value
                elif (there := converted(float(value), self.knobs[name].unit, units[name])) is not None:
                    found[name] = there
        return found


def catalogue_names() -> list[str]:
    """Return the systems with a catalogue."""
    return list(_names())


@cache
def _names() -> tuple[str, ...]:
    names = (each.name for each in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def load_catalogue(system: str) -> Catalogue:
    """Return the catalogue of a system that `catalogue_names` lists."""
    text = files(__name__).joinpath(f"{system}.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))


def machine_facts() -> dict[str, Value]:
    """Return what a profile's expressions may use: `memory` in bytes and `cores`, as this process may use them."""
    return {"memory": memory_limit(), "cores": len(os.sched_getaffinity(0))}


def memory_limit() -> int:
    """Return how many bytes this machine, or the control group that this process is in, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no control groups, or 'max'
        return min(total, int(_CGROUP_LIMIT.read_text()))
    return total
