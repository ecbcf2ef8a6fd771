"""Reads the definition of a stored study, of whatever version: what today's models do not understand is left out.

A study file must be right; a stored definition is history, and its trials must stay readable.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .sections import Study
from .versions import Definition, upgraded

Place = tuple[str | int, ...]
"""The way to a field: names of tables and positions in lists."""

STAND_INS: dict[str, Any] = {
    "study": {"name": "unreadable"},
    "parameters": {"unreadable": {"type": "bool", "default": False}},
    "objectives": [{"metric": "unreadable", "direction": "minimize"}],
    "evaluation": {"command": ["unreadable"]},
}
"""What stands in for a section that every study has, where nothing of it can be read."""


@dataclass(frozen=True)
class Reading:
    """A stored study as far as it is understood today.

    `unknown` are fields that today's models do not have, so that they mean nothing any more; `unreadable` are fields
    and sections whose values are not valid today. Both are left out of `study`.
    """

    study: Study
    unknown: tuple[Place, ...] = ()
    unreadable: tuple[Place, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether it is known which results are good."""
        return all(place[0] != "objectives" for place in self.unreadable)

    @property
    def left_out(self) -> list[str]:
        """What was left out, named as in a study file."""
        return [shown(place) for place in (*self.unknown, *self.unreadable)]


def read_definition(definition: Definition, version: int, directory: Path) -> Reading:
    """Return a stored definition as a study whose folder is `directory`."""
    data = upgraded(definition, version)
    unknown: dict[Place, None] = {}
    unreadable: dict[Place, None] = {}
    while True:
        try:
            study = Study.model_validate(data)
        except ValidationError as error:
            faults = {_place(each, data): each["type"] for each in error.errors(include_url=False)}
            for place in sorted(faults, reverse=True):  # in a list, the last first
                (unknown if faults[place] == "extra_forbidden" else unreadable)[place] = None
                _leave_out(data, place)
        else:
            placed = study.read_from(directory.resolve(), "")
            return Reading(placed, tuple(unknown), tuple(unreadable))


def shown(place: Place) -> str:
    """Return a place as a study file's reader knows it: evaluation.timeout_s."""
    return ".".join(map(str, place))


def _place(error: ErrorDetails, data: Definition) -> Place:
    """Return the deepest thing there is on the way to what is wrong: what must go for the error to go."""
    path: list[str | int] = []
    inside: Any = data
    for part in error["loc"]:  # which names members of unions too
        if part in _keys(inside):
            path.append(part)
            inside = inside[part]
    if path:
        return tuple(path)
    return error["loc"][:1] or (next(reversed(data)),)  # a section is missing; or several do not fit together


def _keys(data: Any) -> Collection[str | int]:
    return range(len(data)) if isinstance(data, list) else data if isinstance(data, dict) else ()


def _leave_out(data: Definition, place: Place) -> None:
    *way, last = place
    inside: Any = data
    for part in way:
        inside = inside[part]
    if way or last in data:
        del inside[last]
    else:
        data[str(last)] = STAND_INS[str(last)]
