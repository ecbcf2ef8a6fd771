"""Constants that an edit introduces, or finds, and that are tuned on its branch: with bounds, as part of the patch.

A value of one is one more exact edit after the patch's own, so that such a patch is measured, shown and applied like
any other. `branch` is what all values of a branch have in common: the program with the constants as the edit left them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...expressions import Value
from ...text import one_line
from .constants import constants_in, with_constants
from .edits import Edit, EditError, Rules, apply, edits_of, patch_of

_MOST = 8
"""Parameters of one branch."""


@dataclass(frozen=True)
class Tunable:
    """A number in the program that is tuned on a branch; `place` is FILE:NAME."""

    place: str
    low: float
    high: float
    default: float
    log: bool = False
    whole: bool = False

    @property
    def name(self) -> str:
        """The constant's name, as a parameter may be called."""
        return self.place.rpartition(":")[2].replace(".", "_")


def tunable(texts: Mapping[str, str], place: str, low: float, high: float, *, log: bool) -> Tunable:
    """Return a constant of the program as a parameter; its default is its value there.

    Raises:
        EditError: there is no such constant, or the bounds do not fit it.
    """
    file, _, name = place.rpartition(":")
    known = constants_in(file, texts.get(file, ""))
    if name not in known:
        there = ", ".join(known) or "none"
        hint = f"it has: {there}; a constant is NAME = 8 at the top of a Python file, a class's field, or a #define"
        raise EditError(f"{one_line(file, 80) or 'no file'} has no constant {one_line(name, 60)!r}", hint)
    value = known[name].value
    if isinstance(value, bool):
        raise EditError(f"{name} is a switch, and has no bounds", "propose both edits")
    if not low < high or not low <= value <= high:
        raise EditError(f"{low:g} to {high:g} are no bounds of {name}, which is {value:g}", "low <= its value <= high")
    if log and low <= 0:
        raise EditError(f"{name}: a logarithmic range from {low:g} is none", "low must be above 0")
    whole = isinstance(value, int) and float(low).is_integer() and float(high).is_integer()
    return Tunable(place, low, high, value, log, whole)


def with_tunables(patch: str | None, tunables: Sequence[Tunable]) -> str | None:
    """Return a patch that says which constants of it are tuned; None where there is no patch.

    Raises:
        EditError: they are too many.
    """
    if patch is None or not tunables:
        return patch
    if len(tunables) > _MOST:
        raise EditError(f"{len(tunables)} parameters on one branch are too many", f"at most {_MOST}")
    data = json.loads(patch)
    more = {"branch": data["result"], "own": len(data["edits"]), "tunables": [asdict(each) for each in tunables]}
    return json.dumps({**data, **more})


def tunables_of(patch: str | None) -> list[Tunable]:
    """Return the constants that are tuned on a patch's branch.

    Raises:
        EditError: it is no patch.
    """
    return [Tunable(**each) for each in _data(patch).get("tunables", ())]


def values_of(patch: str | None) -> dict[str, Value]:
    """Return the values of the constants that are tuned on a patch's branch, by place.

    Raises:
        EditError: it is no patch.
    """
    defaults: dict[str, Value] = {each.place: each.default for each in tunables_of(patch)}
    return {**defaults, **_data(patch).get("values", {})}


def at(patch: str, values: Mapping[str, Value], rules: Rules) -> str | None:
    """Return a patch with its constants at other values; None where nothing of the program is changed then.

    Raises:
        EditError: that cannot be said by an exact edit.
    """
    data = _data(patch)
    own = edits_of(patch)[: data["own"]]
    texts = apply(own, rules.files)
    set_to = []
    for place, value in values.items():
        file = place.rpartition(":")[0]
        after = with_constants(texts, {place: value})
        before_lines, after_lines = texts[file].splitlines(keepends=True), after[file].splitlines(keepends=True)
        differ = [(a, b) for a, b in zip(before_lines, after_lines, strict=True) if a != b]
        set_to += [Edit(file, b, search=a) for a, b in differ]
        texts = after
    found = patch_of([*own, *set_to], rules)
    if found is None:
        return None
    kept = {name: data[name] for name in ("branch", "own", "tunables")}
    return json.dumps({**json.loads(found), **kept, "values": dict(values)})


def _data(patch: str | None) -> dict[str, Any]:
    if patch is None:
        return {}
    try:
        found = json.loads(patch)
    except ValueError:
        raise EditError("a stored patch cannot be read") from None
    return found if isinstance(found, dict) else {}
