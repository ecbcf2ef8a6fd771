"""Writes plain data as TOML: the standard library only reads it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def to_toml(data: Mapping[str, Any]) -> str:
    """Return a mapping of sections as TOML text; None is left out."""
    return "\n".join(_table((), data)).strip("\n") + "\n"


def _table(path: tuple[str, ...], data: Mapping[str, Any]) -> list[str]:
    plain = {k: v for k, v in data.items() if v is not None and not isinstance(v, Mapping) and not _is_tables(v)}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    if path and (lines or not data):
        lines = [f"[{'.'.join(map(_key, path))}]", *lines, ""]
    for name, value in data.items():
        if isinstance(value, Mapping):
            lines += _table((*path, name), value)
        elif _is_tables(value):
            for each in value:
                inner = _table((*path, name), each)
                lines += [f"[[{'.'.join(map(_key, (*path, name)))}]]", *inner[1:]]
    return lines


def _is_tables(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
