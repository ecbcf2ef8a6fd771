"""Says how much of a search space its forbidden clauses leave."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ....tools.expressions import Value
from .coupled import Group

_DRAWS = 1000
_LISTED_ANYWAY, _LOOSE = 20_000.0, 0.1


class Countable(Protocol):
    """What of a space is needed to measure it."""

    @property
    def groups(self) -> list[Group]:
        """The groups of parameters that clauses tie together."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """The parameters by name."""

    def any(self, rng: random.Random) -> dict[str, Value]:
        """Return a configuration drawn uniformly, forbidden or not."""


@dataclass(frozen=True)
class Allowed:
    """The share of the space that is allowed, 0 to 1, and how many of how many combinations where they were counted.

    `names` are the parameters that were counted, all of which clauses concern. `exact` is false for an estimate.
    """

    share: float
    exact: bool
    count: float = 0
    total: float = 0
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.exact:
            word = "about" if self.share else "less than"
            return f"{word} {_percent(self.share or 1 / _DRAWS)} of the space is allowed"
        of_what = "" if not self.names else f" of {', '.join(self.names)}"
        counted = f"{self.count:,.0f} of {self.total:,.0f} combinations{of_what}"
        return f"{_percent(self.share)} of the space is allowed ({counted})"


def allowed_share(space: Countable) -> Allowed:
    """Return how much of a space is allowed: counted where that is little work or little is left, else estimated."""
    small = all((group.total or math.inf) <= _LISTED_ANYWAY for group in space.groups)
    if not small and (rough := _estimate(space)) > _LOOSE:
        return Allowed(rough, exact=False)
    counts = [(len(g.listed), g.total) for g in space.groups if g.listed is not None and g.total is not None]
    if len(counts) < len(space.groups) or any(math.isinf(total) for _count, total in counts):
        return Allowed(_estimate(space), exact=False)
    count, total = math.prod(c for c, _total in counts), math.prod(t for _count, t in counts)
    names = tuple(name for group in space.groups for name in group.names)
    every = len(names) == len(space.parameters)
    return Allowed(count / total if total else 0.0, True, count, total, () if every else names)


def _estimate(space: Countable) -> float:
    drawn = (space.any(random.Random(number)) for number in range(_DRAWS))
    return sum(all(group.holds(each) for group in space.groups) for each in drawn) / _DRAWS


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.3g} %"
