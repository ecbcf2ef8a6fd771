"""A proposal: a configuration somebody suggests, and what became of it before it was evaluated."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..study.space import Change, Configuration, Space, key


@dataclass(frozen=True)
class Proposal:
    """A suggested configuration. `values` are as given, not yet validated.

    `predicted` maps a metric to (expected, low, high), where the planner ventured a prediction. `author` says who
    exactly: a model, or 'offline' for catalogue and memory. `gate` says why it was its turn; `continues` is the number
    of a trial with the same configuration that ended at an earlier last step.
    """

    values: Mapping[str, Any]
    source: str
    rationale: str = ""
    predicted: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    author: str = ""
    gate: Mapping[str, Any] = field(default_factory=dict)
    continues: int | None = None


@dataclass(frozen=True)
class Accepted:
    """A proposal that may be evaluated: a valid configuration, and what repair changed."""

    configuration: Configuration
    proposal: Proposal
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Refused:
    """A proposal that may not be evaluated, with a reason its author can act on."""

    proposal: Proposal
    reason: str
    code: Literal["duplicate", "unknown_parameters"]


def review(proposal: Proposal, space: Space, seen: Collection[str]) -> Accepted | Refused:
    """Validate, repair and deduplicate a proposal. `seen` holds the keys of configurations already tried."""
    known = [name for name in proposal.values if name in space.parameters]
    if not known:
        return Refused(
            proposal, f"names none of the parameters: {', '.join(list(space.parameters)[:10])}", "unknown_parameters"
        )
    repaired = space.repair(proposal.values)
    if key(repaired.configuration) in seen:
        how = "after repair " if repaired.changes else ""
        return Refused(proposal, f"{how}the same as a configuration that was already tried", "duplicate")
    return Accepted(repaired.configuration, proposal, repaired.changes)
