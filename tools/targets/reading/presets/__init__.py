"""Presets: how the metrics of well-known programs are read. A preset is a TOML file here, named after its program."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from ..spec import Reading


class Preset(BaseModel):
    """The metrics of one program's report, by name; `call` says how to call it so that it prints them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    call: str
    metrics: dict[str, Reading] = Field(min_length=1)


@cache
def load_preset(name: str) -> Preset:
    """Return the preset of a program that `spec.preset_names` lists."""
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return Preset.model_validate(tomllib.loads(text))
