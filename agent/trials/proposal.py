"""A proposal: a configuration somebody suggests, and what became of it before it was evaluated."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...tools.text import one_line
from ..study.space import Change, Configuration, Space
from .candidate import Candidate
from .meaning import Misfit, misread
from .source import Source


@dataclass(frozen=True)
class Proposal:
    """A suggested configuration. `values` are as given, not yet validated.

    `predicted` maps a metric to (expected, low, high), where the planner ventured a prediction. `gate` says why it was
    its turn; `continues` is the number of a trial with the same configuration that ended at an earlier last step.
    `patch` is the text of a code edit that goes with the values, and `parent` the trial whose edit it goes on from.
    `because` names the studies and lessons of memory that it rests on: 'study KEY', 'lesson NUMBER'.
    """

    values: Mapping[str, Any]
    source: Source
    rationale: str = ""
    predicted: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    gate: Mapping[str, Any] = field(default_factory=dict)
    continues: int | None = None
    patch: str | None = None
    parent: int | None = None
    because: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the rationale, which may be a model's, one visible line."""
        object.__setattr__(self, "rationale", one_line(self.rationale))


@dataclass(frozen=True)
class Accepted:
    """A proposal that may be evaluated: a valid candidate, and what repair changed."""

    candidate: Candidate
    proposal: Proposal
    changes: tuple[Change, ...] = ()

    @property
    def configuration(self) -> Configuration:
        """The candidate's configuration."""
        return self.candidate.configuration


@dataclass(frozen=True)
class Refused:
    """A proposal that may not be evaluated, with a reason its author can act on.

    `repeats` is the number of the trial that it repeats, where it repeats one.
    """

    proposal: Proposal
    reason: str
    code: Literal["duplicate", "unknown_parameters"] | Misfit
    repeats: int | None = None


def review(
    proposal: Proposal, space: Space, seen: Mapping[str, int], waiting: Collection[str] = ()
) -> Accepted | Refused:
    """Validate a proposal, repair its form, and refuse what would not be what it meant, or was tried.

    `seen` maps the keys of candidates already tried to their trials; `waiting` are keys of those that will be.
    """
    if space.parameters and not any(name in space.parameters for name in proposal.values):
        known = ", ".join(list(space.parameters)[:10])
        return Refused(proposal, f"names none of the parameters: {known}", "unknown_parameters")
    wrong = misread(proposal.values, space)
    if wrong is not None:
        return Refused(proposal, wrong.reason, wrong.code)
    repaired = space.repair(proposal.values)
    candidate = Candidate(repaired.configuration, proposal.patch)
    how = "after repair " if repaired.changes else ""
    if candidate.key in seen:
        number = seen[candidate.key]
        return Refused(proposal, f"{how}the same as trial {number}", "duplicate", number)
    if candidate.key in waiting:
        return Refused(proposal, f"{how}the same as an idea that already waits for its turn", "duplicate")
    return Accepted(candidate, proposal, repaired.changes)
