"""The bars that benchmarks must meet, kept in bars.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Bar:
    """The largest figure that is good enough, in `unit`: 'x' is the ratio to the baseline; and what it means."""

    name: str
    bar: float
    unit: str
    means: str


@cache
def bars() -> dict[str, Bar]:
    """Return all bars by name."""
    data = tomllib.loads((Path(__file__).parent / "bars.toml").read_text(encoding="utf-8"))
    return {name: Bar(name, **fields) for name, fields in data.items()}
