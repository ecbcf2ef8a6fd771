"""The interface of a planner, and what it gets to see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from ..budget import Ledger
from ..events import Event
from ..memory.recall import Recalled
from ..memory.store import Store
from ..models.trust import require_trust
from ..optimizers.state import OptimizerState
from ..parts import PLANNERS
from ..study.sections import Study
from ..trials.history import History
from ..trials.proposal import Proposal


@dataclass(frozen=True)
class Setup:
    """What a planner is built from: the study, the store, and where model calls are recorded or replayed."""

    study: Study
    store: Store | None = None
    record: Path | None = None
    replay: Path | None = None
    strict: bool = True


@dataclass(frozen=True)
class Context:
    """What a planner may look at while it thinks; none of it changes meanwhile, and it must change none of it.

    `emit` announces an event. `optimizer` is None where there is no optimizer beside the planner. `notes` is what a
    person said to the planner: hints, and why a proposal was refused.
    """

    study: Study
    history: History
    ledger: Ledger
    recalled: Sequence[Recalled] = field(default_factory=tuple)
    optimizer: OptimizerState | None = None
    trials_left: float | None = None
    notes: Sequence[str] = field(default_factory=list)
    key: str = ""
    study_id: int = 0
    emit: Callable[[Event], None] = lambda _event: None

    def now(self, optimizer: OptimizerState | None) -> "Context":
        """Return the context as it stands now, for one thought."""
        left = self.ledger.left("trials")
        notes = tuple(self.notes)
        return replace(self, history=self.history.snapshot(), optimizer=optimizer, trials_left=left, notes=notes)


class Planner(Protocol):
    """Proposes configurations from knowledge: documentation, memory, a model.

    `why` says in a few words how it came to be the planner of this run; every report shows it.
    """

    name: str
    why: str

    @property
    def done(self) -> bool:
        """Whether it has nothing more to propose in this run."""

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return up to about `n` proposals, best first; an empty list when it has none this time.

        Called while evaluations run, never twice at a time. Proposals need not be valid: they are repaired or
        refused before anything is evaluated.
        """

    async def close(self) -> None:
        """Let go of what it holds; called once at the end of a run."""


def build_planner(setup: Setup) -> Planner:
    """Return the planner that the study of a setup names.

    Raises:
        InputError: there is none of this name, or it cannot be used here.
    """
    planner: Planner = PLANNERS[setup.study.planner.name](setup)
    return planner


def require_trusted_endpoint(setup: Setup, *, given: bool = False, ask: Callable[[str], bool] | None = None) -> None:
    """Return when the endpoint that a study file names may be used, or none will be; see `models.trust`.

    Raises:
        UntrustedEndpointError: it may not.
    """
    if setup.replay is None and setup.study.planner.name not in {"none", "offline"}:
        require_trust(setup.study.model, given=given, ask=ask)
