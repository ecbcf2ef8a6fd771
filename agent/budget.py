"""One ledger for everything a study may spend, asked before every spend. Survives resume: it starts from the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Resource = Literal["trials", "wall_time_s", "calls", "input_tokens", "output_tokens", "dollars"]
MODEL_RESOURCES: tuple[Resource, ...] = ("calls", "input_tokens", "output_tokens", "dollars")


@dataclass
class Ledger:
    """Limits and what was spent of them. A resource without a limit is counted only."""

    limits: Mapping[Resource, float]
    spent: dict[Resource, float] = field(default_factory=dict)

    def exhausted(self, resource: Resource) -> bool:
        """Whether nothing more of a resource may be spent."""
        limit = self.limits.get(resource)
        return limit is not None and self.spent.get(resource, 0) >= limit

    def spend(self, resource: Resource, amount: float = 1) -> None:
        """Record a spend, also one that turned out larger than what was left. Nothing is ever given back."""
        self.spent[resource] = self.spent.get(resource, 0) + max(0.0, amount)

    def left(self, resource: Resource) -> float | None:
        """Return what is left of a resource, at least 0; None without a limit."""
        limit = self.limits.get(resource)
        return None if limit is None else max(0.0, limit - self.spent.get(resource, 0))

    def snapshot(self) -> dict[str, dict[str, float | None]]:
        """Return spent and limit per resource, for people."""
        names = dict.fromkeys([*self.limits, *self.spent])
        return {name: {"spent": self.spent.get(name, 0), "limit": self.limits.get(name)} for name in names}
