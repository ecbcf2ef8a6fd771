"""The offline planner: documented values of a catalogue, and where memory would begin; no model."""

from collections.abc import Mapping

from ...tools.catalogue import load_catalogue, machine_facts
from ..study.space import Configuration
from ..trials.candidate import Candidate
from ..trials.proposal import Proposal
from ..trials.source import STORED
from .base import Context, Setup
from .mechanical import mechanical_proposals


class OfflinePlanner:
    """Proposes each catalogue profile, then hands over. What memory has is proposed beside any planner that knows."""

    name = "offline"

    def __init__(self, why: str = "catalogue and stored studies, no model: asked for by name") -> None:
        """Start with everything still to propose."""
        self.why = why
        self.done = False

    def known(self, context: Context) -> list[Proposal]:
        """Return all it knows; it has nothing more to say after that."""
        self.done = True
        return known_proposals(context)

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return all it knows at the first call, nothing later; `n` does not cut what costs nothing."""
        del n
        return [] if self.done else self.known(context)

    async def close(self) -> None:
        """Nothing to let go of."""


def build(_setup: Setup) -> OfflinePlanner:
    """Return the offline planner."""
    return OfflinePlanner()


def known_proposals(context: Context) -> list[Proposal]:
    """Return what the catalogue proposes and nobody has tried, such as an earlier run of this study."""
    found = [*from_catalogue(context), *mechanical_proposals(context)]
    return [each for each in found if Candidate(dict(each.values), each.patch).key not in context.history.seen]


def from_catalogue(context: Context) -> list[Proposal]:
    """Return a proposal per profile of the study's catalogue: documented values for this machine."""
    study = context.study
    if study.study.system is None:
        return []
    catalogue = load_catalogue(study.study.system)
    units = {name: parameter.unit for name, parameter in study.parameters.items()}
    proposals = []
    for name, profile in catalogue.profiles.items():
        values = catalogue.recommend(name, units, machine_facts())
        if values:
            complete = _complete(context, values)
            rationale = f"catalogue {catalogue.system}, profile {name}: {profile.description}"
            proposals.append(Proposal(complete, STORED, rationale))
    return proposals


def _complete(context: Context, values: Mapping[str, object]) -> Configuration:
    """Return values completed and moved to the nearest that this study allows now; that is no mistake to report."""
    space = context.study.space
    return space.repair({**space.default, **values}).configuration
