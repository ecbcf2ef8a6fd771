"""Groups of parameters that forbidden clauses tie together: which of their values go together.

A group is searched by trying one parameter after the other, with every part of a clause looked at as soon as all it
names is decided, and with values computed where a clause leaves only one (forbidden where `local != a * b`). Where that
is not too much work, all combinations that are allowed are listed; else they are searched for when they are needed.
"""

import ast
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ....tools.expressions import Expression, Value
from ..parameters import Parameter

Values = dict[str, Value]
Candidates = Callable[[str], list[Value]]

_MOST_WORK = 100_000
_MOST_LISTED = 50_000
_MOST_VALUES = 10_000


class TooMuchWorkError(Exception):
    """A search was given up."""


@dataclass(frozen=True)
class Solved:
    """A parameter for which a clause leaves one value: what `value` yields, where that is there."""

    name: str
    value: Expression


@dataclass(frozen=True)
class Group:
    """Parameters that clauses tie together, with the parts of those clauses, none of which may hold.

    `domain` gives a parameter's values where they can be listed. `names` are in an order in which conditions only name
    earlier ones.
    """

    names: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    conditions: Mapping[str, Expression]
    parts: tuple[Expression, ...]
    domain: Mapping[str, list[Value]]

    @cached_property
    def listed(self) -> list[Values] | None:
        """All combinations that are allowed; None where that would take too long, or numbers have no end."""
        found: list[Values] = []
        if any(name not in self.domain and name not in self._solved_always for name in self.names):
            return None
        try:
            for values in self.search(lambda name: self.domain.get(name, []), _MOST_WORK):
                found.append(values)
                if len(found) > _MOST_LISTED:
                    return None
        except TooMuchWorkError:
            return None
        return found

    @cached_property
    def total(self) -> float | None:
        """The number of combinations, forbidden ones included; None where it would take too long to count."""
        deciding = {name for condition in self.conditions.values() for name in condition.names}
        free = [name for name in self.names if name not in deciding]
        counted, work = 0.0, 0
        try:
            for values in self._walk([n for n in self.names if n in deciding], lambda n: self.domain.get(n, []), {}):
                work += 1
                if work > _MOST_WORK:
                    return None
                counted += math.prod(self._size(name) for name in free if self._active(name, values))
        except TooMuchWorkError:
            return None
        return counted

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether no part of a clause forbids the values of this group."""
        return not any(part.holds(values) for part in self.parts)

    def draw(self, rng: random.Random, draw: Callable[[str], Value]) -> Values | None:
        """Return an allowed combination by chance: from the list where there is one. None when none was found.

        `draw` gives a random value of a parameter.
        """
        if self.listed is not None:
            return rng.choice(self.listed) if self.listed else None

        def candidates(name: str) -> list[Value]:
            values = self.domain.get(name)
            if values is not None and len(values) <= 64:
                return rng.sample(values, len(values))
            return list(dict.fromkeys(draw(name) for _ in range(32)))

        for _restart in range(20):  # a wrong first choice may leave nothing: better begin again than try all below it
            try:
                found = next(self.search(candidates, _MOST_WORK // 50), None)
            except TooMuchWorkError:
                continue
            if found is not None:
                return found
        return None

    def search(self, candidates: Candidates, most_work: int) -> Iterator[Values]:
        """Yield allowed combinations, values of each parameter in the order that `candidates` gives them.

        Raises:
            TooMuchWorkError: `most_work` values were tried.
        """
        work = 0
        values: Values = {}

        def place(at: int) -> Iterator[Values]:
            nonlocal work
            if at == len(self._order):
                yield dict(values)
                return
            name = self._order[at]
            if not self._active(name, values):
                if not any(part.holds(values) for part in self._due[at]):
                    yield from place(at + 1)
                return
            for value in self._allowed_by_equations(name, values, candidates):
                work += 1
                if work > most_work:
                    raise TooMuchWorkError
                values[name] = value
                if not any(part.holds(values) for part in self._due[at]):
                    yield from place(at + 1)
            values.pop(name, None)

        yield from place(0)

    def _active(self, name: str, values: Mapping[str, Value]) -> bool:
        condition = self.conditions.get(name)
        return condition is None or condition.holds(values)

    def _size(self, name: str) -> float:
        return len(self.domain[name]) if name in self.domain else self.parameters[name].size

    def _walk(self, names: list[str], candidates: Candidates, values: Values) -> Iterator[Values]:
        """Yield all combinations of some names, forbidden ones too."""
        if not names:
            yield values
            return
        name, rest = names[0], names[1:]
        if not self._active(name, values):
            yield from self._walk(rest, candidates, values)
            return
        if name not in self.domain:
            raise TooMuchWorkError
        for value in candidates(name):
            yield from self._walk(rest, candidates, {**values, name: value})

    def _allowed_by_equations(self, name: str, values: Values, candidates: Candidates) -> list[Value]:
        for equation in self._equations.get(name, ()):
            if not equation.value.names <= values.keys():
                continue
            value = equation.value(values)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                mended, why = self.parameters[name].mend(value)
                fits = not why and mended == value and (name not in self.domain or mended in self._members[name])
                return [mended] if fits else []
            if name not in self.domain:
                raise TooMuchWorkError  # it may be anything
        return candidates(name)

    @cached_property
    def _members(self) -> dict[str, frozenset[Value]]:
        return {name: frozenset(values) for name, values in self.domain.items()}

    @cached_property
    def _equations(self) -> dict[str, list[Solved]]:
        found: dict[str, list[Solved]] = {}
        for part in self.parts:
            for each in solved(part, self.parameters):
                found.setdefault(each.name, []).append(each)
        return found

    @cached_property
    def _order(self) -> list[str]:
        """The order of the search: what a clause decides at once, then few values before many, parents first."""
        placed: list[str] = []
        waiting = list(self.names)

        def rank(name: str) -> tuple[float, int]:
            there = {*placed, name}
            if any(each.value.names <= set(placed) for each in self._equations.get(name, ())):
                return 0.0, 0
            due = sum(part.names <= there and name in part.names for part in self.parts)
            return len(self.domain.get(name, range(_MOST_VALUES))) / (1 + 4 * due), self.names.index(name)

        while waiting:
            ready = [n for n in waiting if n not in self.conditions or self.conditions[n].names <= set(placed)]
            best = min(ready or waiting[:1], key=rank)
            placed.append(best)
            waiting.remove(best)
        return placed

    @cached_property
    def _due(self) -> list[list[Expression]]:
        """For each place in the order, the parts that are decided there."""
        last = {part: max(map(self._order.index, part.names), default=0) for part in self.parts}
        return [[part for part, at in last.items() if at == place] for place in range(len(self._order))]

    @cached_property
    def _solved_always(self) -> frozenset[str]:
        """Parameters without a list whose value follows from others wherever these are."""
        unconditional = {name for name in self.names if name not in self.conditions}
        return frozenset(
            name
            for name, equations in self._equations.items()
            if any(
                set(self._order[: self._order.index(name)]) >= each.value.names and each.value.names <= unconditional
                for each in equations
            )
        )


def solved(part: Expression, parameters: Mapping[str, Parameter]) -> list[Solved]:
    """Return the parameters that a part of a clause leaves one value: those alone on a side of `!=`."""
    sides = part.sides()
    if sides is None or sides[0] is not ast.NotEq:
        return []
    pairs = ((sides[1], sides[2]), (sides[2], sides[1]))
    return [
        Solved(one.text, other)
        for one, other in pairs
        if one.text in parameters and parameters[one.text].kind == "number" and one.text not in other.names
    ]


def domain_of(parameter: Parameter) -> list[Value] | None:
    """Return a parameter's values in order; None when there are too many to list."""
    if parameter.size > _MOST_VALUES:
        return None
    match parameter.type:
        case "bool":
            return [False, True]
        case "categorical" | "ordinal":
            return list(parameter.choices)
        case "float" | "int":
            step = parameter.step or 0
            return [parameter.mend(parameter.low + k * step)[0] for k in range(int(parameter.size))]


def groups_of(
    parameters: Mapping[str, Parameter],
    conditions: Mapping[str, Expression],
    clauses: list[Expression],
    focused: Callable[[str, Value], Value],
) -> list[Group]:
    """Return the groups that clauses tie together; parameters that no clause concerns are in none."""
    parts = [part for clause in clauses for part in clause.alternatives()]
    tied: list[set[str]] = []
    for part in parts:
        mine = _with_parents(part.names, conditions)
        tied = [*(each for each in tied if not each & mine), mine.union(*(each for each in tied if each & mine))]
    found = []
    for members in tied:
        names = tuple(name for name in parameters if name in members)
        domain = {}
        for name in names:
            values = domain_of(parameters[name])
            if values is not None:
                domain[name] = list(dict.fromkeys(focused(name, value) for value in values))
        mine_conditions = {name: conditions[name] for name in names if name in conditions}
        of_parts = tuple(part for part in parts if part.names <= members)
        found.append(Group(names, {name: parameters[name] for name in names}, mine_conditions, of_parts, domain))
    return found


def _with_parents(names: frozenset[str], conditions: Mapping[str, Expression]) -> set[str]:
    """Return names and those that their conditions name, and so on."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += conditions[name].names if name in conditions else ()
    return found
