"""Settings in a configuration file whose format is known: each key that has a number, a switch or a known text."""

import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from .guess import Found

_ON_OFF = {"on": True, "off": False, "yes": True, "no": False, "true": True, "false": False}


def settings_in(text: str, kind: str) -> list[Found]:
    """Return the settings of a file; `kind` is one of the formats of `[files]`.

    Raises:
        ValueError: it cannot be read.
    """
    return [_found(key, value) for key, value in _READERS[kind](text)]


def schema_settings(schema: Mapping[str, Any]) -> list[Found]:
    """Return the properties of a JSON schema with what it says of them."""
    return [
        Found(
            name,
            default=each.get("default"),
            choices=each.get("enum", ()),
            help=str(each.get("description", "")),
            place=(name,),
            is_switch=each.get("type") == "boolean",
            kind="float" if each.get("type") == "number" else "",
            low=each.get("minimum", each.get("exclusiveMinimum")),
            high=each.get("maximum", each.get("exclusiveMaximum")),
        )
        for name, each in schema["properties"].items()
        if isinstance(each, Mapping)
    ]


def _found(key: str, value: Any) -> Found:
    if isinstance(value, str) and value.strip().lower() in _ON_OFF:
        return Found(key, default=_ON_OFF[value.strip().lower()], place=(key, value.strip()), is_switch=True)
    unit = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]{1,3})", value.strip()) if isinstance(value, str) else None
    if unit is not None:
        return Found(key, default=unit[1], place=(key, f"{{}}{unit[2]}"), help=f"in {unit[2]}")
    return Found(key, default=value, place=(key, "{}"), is_switch=isinstance(value, bool))


def _tree(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        for name, each in data.items():
            yield from _tree(each, f"{path}.{name}" if path else str(name))
    elif not isinstance(data, list):
        yield path, data


def _toml(text: str) -> Iterator[tuple[str, Any]]:
    yield from _tree(tomllib.loads(text))


def _json(text: str) -> Iterator[tuple[str, Any]]:
    yield from _tree(json.loads(text))


def _yaml(text: str) -> Iterator[tuple[str, Any]]:
    import yaml  # few drafts come from one

    try:
        yield from _tree(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _ini(text: str) -> Iterator[tuple[str, Any]]:
    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(" ".join(str(error).split())) from None
    for section in parser.sections():
        for name, value in parser.items(section):
            yield f"{section}.{name}", _typed(value)


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for line in text.splitlines():
        plain = line.split("#")[0].strip()
        match = re.fullmatch(r"(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:=|:|\s)\s*(.*)", plain)
        if match and match[2]:
            yield match[1], _typed(match[2].strip("'\""))


def _nginx(text: str) -> Iterator[tuple[str, Any]]:
    around: list[str] = []
    for match in re.finditer(r"(?:#[^\n]*)|([\w.~/^*=\s\"'$|-]+?)\s*\{|([a-z_]+)\s+([^;{}]+);|\}", text):
        if match[1]:
            around.append(match[1].split()[0])
        elif match[2] and len(match[3].split()) == 1:
            yield ".".join([*around, match[2]]), _typed(match[3].strip())
        elif match[0] == "}" and around:
            around.pop()


def _typed(value: str | None) -> Any:
    for kind in (int, float):
        try:
            return kind(value or "")
        except ValueError:
            continue
    return value


_READERS = {
    "toml": _toml,
    "json": _json,
    "yaml": _yaml,
    "ini": _ini,
    "properties": _lines,
    "env": _lines,
    "postgresql.conf": _lines,
    "nginx.conf": _nginx,
}
