"""Formats that nest: JSON, TOML, YAML. A key's parts are names, or numbers where there is a list."""

import json
from collections.abc import MutableMapping, MutableSequence
from typing import Any


def set_in_json(text: str, key: str, value: object) -> str:
    """Return JSON text with a value set.

    Raises:
        ValueError: the text is no JSON, or the key leads through something that is no object or list.
    """
    data = json.loads(text) if text.strip() else {}
    _put(data, key, value)
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def set_in_toml(text: str, key: str, value: object) -> str:
    """Return TOML text with a value set; comments stay.

    Raises:
        ValueError: as `set_in_json`.
    """
    import tomlkit  # few studies write a file

    data = tomlkit.parse(text)
    _put(data, key, value)
    return tomlkit.dumps(data)


def set_in_yaml(text: str, key: str, value: object) -> str:
    """Return YAML text with a value set; comments go.

    Raises:
        ValueError: as `set_in_json`.
    """
    import yaml

    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    _put(data, key, value)
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _put(data: Any, key: str, value: object) -> None:
    here, parts = data, key.split(".")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if isinstance(here, MutableMapping):
            if last:
                here[part] = value
            else:
                here = here.setdefault(part, {})
        elif isinstance(here, MutableSequence) and part.isdigit() and int(part) < len(here):
            if last:
                here[int(part)] = value
            else:
                here = here[int(part)]
        else:
            raise ValueError(f"{key!r}: there is no {'.'.join(parts[: index + 1])!r} to set something in")
