"""Writes plain data as TOML: the standard library only reads it."""

from collections.abc import Mapping
from typing import Any

import tomlkit


def to_toml(data: Mapping[str, Any]) -> str:
    """Return a mapping of sections as TOML text; None is left out."""
    return tomlkit.dumps(_plain(data)).strip("\n") + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
