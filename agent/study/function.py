"""The study of a Python function: its space as plain Python data, defaults from its signature."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...tools.errors import InputError
from .sections import Study

Space = Mapping[str, Any]
"""Names to what they may be: (low, high) or (low, high, 'log'), a list of choices, bool, or a table as in a file."""

_ENDS, _WITH_LOG = 2, 3


def study_of_function(
    function: Callable[..., Any],
    space: Space,
    defaults: Mapping[str, Any],
    *,
    name: str = "",
    metric: str = "value",
    direction: str = "minimize",
    sections: Mapping[str, Any],
) -> Study:
    """Return the study that tunes a function; `sections` are further ones, as a study file has them.

    A default that is not given is the first choice, or the middle of the range.

    Raises:
        InputError: the space, a default or a section is not understood.
    """
    called = getattr(function, "__name__", type(function).__name__)
    title = name or re.sub(r"[^A-Za-z0-9]+", "-", called).strip("-") or "function"
    reference = f"notebook:{called if called.isidentifier() else 'function'}"
    data: dict[str, Any] = {
        **sections,
        "study": {"name": title, **sections.get("study", {})},
        "parameters": {each: _parameter(each, given, defaults) for each, given in space.items()},
        "objectives": sections.get("objectives") or [{"metric": metric, "direction": direction}],
        "evaluation": {"python": reference, **sections.get("evaluation", {})},
    }
    try:
        return Study.model_validate(data).read_from(Path.cwd(), "")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {first['msg']} (given {first['input']!r:.80})", "see trimtab schema") from None


def _parameter(name: str, given: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    section = _section(name, given)
    if "default" not in section:
        section["default"] = defaults[name] if name in defaults else _middle(section)
    return section


def _section(name: str, given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if given is bool:
        return {"type": "bool"}
    if isinstance(given, list):
        return {"type": "categorical", "choices": given}
    if isinstance(given, tuple) and len(given) in {_ENDS, _WITH_LOG} and (len(given) == _ENDS or given[2] == "log"):
        kind = "int" if all(isinstance(end, int) for end in given[:2]) else "float"
        return {"type": kind, "low": given[0], "high": given[1], **({"log": True} if len(given) == _WITH_LOG else {})}
    hint = "(low, high), (low, high, 'log'), a list of choices, bool, or a table as in a study file"
    raise InputError(f"space[{name!r}] = {given!r:.80} is not understood", f"give {hint}")


def _middle(section: Mapping[str, Any]) -> Any:
    if "choices" in section:
        return section["choices"][0]
    if "low" not in section or "high" not in section:
        return False
    low, high = section["low"], section["high"]
    middle = (low * high) ** 0.5 if section.get("log") else (low + high) / 2
    return round(middle) if section["type"] == "int" else middle
