"""What one evaluation may use."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Isolation = Literal["auto", "strict", "bubblewrap", "process", "none"]
"""How an evaluation is kept apart: the best that works, namespaces of its own (by either name), a process group, or not
at all."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(value: object) -> object:
    """Turn '64 MiB', '2G' or '512 kB' into bytes (powers of 1024); leave other types to pydantic."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", value, re.IGNORECASE)
    if not found:
        raise ValueError(f"{value!r} is not a size: write bytes as a number, or text such as '512 MiB'")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def format_size(size: int) -> str:
    """Return a size in bytes as short text, such as '512 MiB'."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        scale = 1 << {"TiB": 40, "GiB": 30, "MiB": 20, "KiB": 10}[unit]
        if size >= scale:
            return f"{size / scale:.4g} {unit}"
    return f"{size} bytes"


Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=int | str), Field(gt=0, le=1 << 50)]


def exceeded(what: str, name: str) -> str:
    """Return the reason of an evaluation that a limit has ended, with the setting that raises it."""
    return f"{what} (limit {name}: raise evaluation.limits.{name})"


class Limits(BaseModel):
    """Limits of one evaluation; exceeding one ends it as a failed evaluation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: Size = Field(2 << 30, description="Memory of all its processes and temporary files in memory together.")
    processes: int = Field(256, gt=0, le=100_000, description="Processes alive at the same time.")
    file_size: Size = Field(4 << 30, description="Size of any one file it writes.")
    disk: Size = Field(8 << 30, description="All files in its working directory together.")
    files: int = Field(100_000, gt=0, le=100_000_000, description="Files and folders it makes.")
    output: Size = Field(8 << 20, description="Bytes of standard output and of standard error, each.")
