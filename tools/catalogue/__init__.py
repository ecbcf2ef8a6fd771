"""Catalogues: the documented knobs of known systems, with sane values as functions of memory and cores.

A catalogue is a TOML file in this folder, named after its system. Knobs are matched to a study's parameters by
name and unit.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..expressions import Value, parse


class Knob(BaseModel):
    """One documented setting of a system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    source: str = Field(description="Where this is documented.")
    default: Value = Field(description="The system's own default.")
    unit: str = ""


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
        """Return a profile's values for the parameters in `units` (name to unit) that the catalogue knows."""
        values = self.profiles[profile].values
        known = [name for name in values if name in units and units[name] == self.knobs[name].unit]
        return {name: parse(values[name])(machine) for name in known}


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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"memory": memory, "cores": len(os.sched_getaffinity(0))}
