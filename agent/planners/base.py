"""The interface of a planner, and what it gets to see."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..budget import Ledger
from ..events import Event, ThoughtKind
from ..memory.recollection import Recollection
from ..memory.store import Store
from ..models.trust import require_trust
from ..optimizers.state import OptimizerState
from ..parts import PLANNERS
from ..study.sections import Study
from ..trials.history import History
from ..trials.proposal import Proposal


@dataclass(frozen=True)
class Setup:
    """What a planner is built from: the study, the store, and where a run is recorded or replayed.

    `replay` repeats a recorded run, `replay_model` takes its model's answers only.
    """

    study: Study
    store: Store | None = None
    record: Path | None = None
    replay: Path | None = None
    strict: bool = True
    replay_model: Path | None = None

    @property
    def recording(self) -> Path | None:
        """The recording that stands in for the model, None where a model is asked."""
        return self.replay or self.replay_model


@dataclass(frozen=True)
class Question:
    """What a thought is for: `kind` says why now, `ideas` how many are wanted, best first. `look_around` is whether
    there is time for tools that look at the record."""

    kind: ThoughtKind = "step"
    ideas: int = 1
    look_around: bool = False


@dataclass(frozen=True)
class Context:
    """What a planner may look at while it thinks; none of it changes meanwhile, and it must change none of it.

    `emit` announces an event. `optimizer` is None where there is no optimizer beside the planner. `notes` is what a
    person said to the planner: hints, and why a proposal was refused. `question` is what this thought is for, and
    `waiting` are the planner's earlier ideas that wait for their turn, `refused` says which of them were not tried and
    why, `ideas_left` is about how many it will still have. `guard` runs the study's guard on an edit of its program.
    """

    study: Study
    history: History
    ledger: Ledger
    memory: Recollection = field(default_factory=Recollection)
    optimizer: OptimizerState | None = None
    trials_left: float | None = None
    notes: Sequence[str] = field(default_factory=list)
    key: str = ""
    study_id: int = 0
    emit: Callable[[Event], None] = lambda _event: None
    question: Question = field(default_factory=Question)
    waiting: Sequence[Proposal] = ()
    refused: Sequence[str] = field(default_factory=list)
    ideas_left: int | None = None
    guard: Callable[[str | None], Awaitable[str]] | None = None

    def now(
        self,
        optimizer: OptimizerState | None,
        question: Question | None = None,
        waiting: Sequence[Proposal] = (),
        ideas_left: int | None = None,
    ) -> "Context":
        """Return the context as it stands now, for one thought."""
        return replace(
            self,
            history=self.history.snapshot(),
            optimizer=optimizer,
            trials_left=self.ledger.left("trials"),
            notes=tuple(self.notes),
            question=question or Question(),
            waiting=tuple(waiting),
            refused=tuple(self.refused),
            ideas_left=ideas_left,
        )


@runtime_checkable
class Knowing(Protocol):
    """A planner that knows something without thinking: catalogue and memory."""

    def known(self, context: Context) -> list[Proposal]:
        """Return what can be tried at once, best first; called once, before anything is measured."""


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

        Called once the default is measured, while evaluations run or while the run waits, never twice at a time.
        Proposals need not be valid: they are repaired or refused before anything is evaluated.
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
