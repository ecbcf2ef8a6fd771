"""The interface of a target, and the plain data that goes in and out of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, field_validator

from ..errors import TrimtabError
from ..expressions import Value
from ..text import one_line, plain
from .journal import Journal
from .rendering.wording import Wording

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_AS_THEY_ARE = Wording()
LOG_LENGTH, LONGEST_REASON = 4000, 600


Phase = Literal["before", "apply", "warm-up", "measure", "after"]
"""Where an evaluation can fail: in the target's own commands, in applying the configuration, or in measuring it."""


class Measurement(BaseModel):
    """The result of one evaluation. Serialisable, so that it can travel between machines.

    `metrics` are finite numbers by name; empty when `state` is failed, and then `reason` says why in one line.
    A pruned one was stopped early: its metrics are the last it reported. `log` is the end of what the evaluation
    printed: untrusted text. `notice` is what a person should know of the machine, such as a folder that stays behind.
    `retries` is how often it failed before, in a way that the study lets pass. `host` is the machine that it was
    measured on, as a line of text that is equal for equal machines, '' where it is not known. `attempt` is the number
    of the attempt that it came from, 0 where there are none.
    All text is made plain here, whoever measured. A failure elsewhere than in measuring names its phase first.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["complete", "failed", "pruned"]
    metrics: dict[str, float] = {}
    reason: str | None = None
    duration_s: float = 0.0
    log: str = ""
    notice: str = ""
    retries: int = 0
    host: str = ""
    attempt: int = 0

    @property
    def phase(self) -> Phase:
        """Where it failed; 'measure' also when it did not."""
        named = (self.reason or "").partition(": ")[0]
        return named if named in get_args(Phase) else "measure"  # type: ignore[return-value]  # one of Phase's words

    def during(self, phase: Phase) -> "Measurement":
        """Return the failed measurement as one that failed in another phase."""
        return self.model_copy(update={"reason": one_line(f"{phase}: {self.reason}", LONGEST_REASON)})

    @field_validator("reason")
    @classmethod
    def _reason_is_a_line(cls, reason: str | None) -> str | None:
        return None if reason is None else one_line(reason, LONGEST_REASON)

    @field_validator("log")
    @classmethod
    def _log_is_plain(cls, log: str) -> str:
        return plain(log)[-LOG_LENGTH:]

    @field_validator("metrics")
    @classmethod
    def _names_are_lines(cls, metrics: dict[str, float]) -> dict[str, float]:
        return {name if name.isprintable() else one_line(name): value for name, value in metrics.items()}


Watch = Callable[[Mapping[str, float]], bool]
"""Sees the numbers of a JSON line that an evaluation printed; returns true to stop the evaluation."""


class Candidate(Protocol):
    """What is tried: a configuration, and the text of a code edit, or None. `key` is equal for equal candidates."""

    @property
    def configuration(self) -> Mapping[str, Value]:
        """Values of the active parameters."""

    @property
    def patch(self) -> str | None:
        """The edit."""

    @property
    def key(self) -> str:
        """The identity."""


@dataclass
class Now:
    """What a worker is at; `trial` is the number of the trial whose evaluation runs."""

    trial: int = 0


@dataclass(frozen=True)
class Workplace:
    """Where evaluations run: the sandbox, the study's folder (readable), the CPUs they are pinned to, how values are
    written, the number of the worker, from 0, and the journal in which it notes what it will have to undo.

    `hidden` are files and folders that an evaluation must not see, such as the store. A target whose system listens on
    unix sockets adds their folders to `sockets`; `port` is that of its server, 0 where it has none. All others are out
    of an evaluation's reach when it has no network.
    """

    sandbox: "Sandbox"
    study_directory: Path
    cpus: tuple[int, ...] = ()
    hidden: tuple[Path, ...] = ()
    wording: Wording = _AS_THEY_ARE
    worker: int = 0
    sockets: tuple[Path, ...] = ()
    port: int = 0
    journal: Journal = field(default_factory=Journal)
    now: Now = field(default_factory=Now)


class TargetError(TrimtabError):
    """A configuration could not be applied, or the system not be prepared or restored."""


class Target(Protocol):
    """A system under tuning, as one worker sees it: no two calls at the same time.

    The order is `prepare`, then for each candidate `apply` and one or more `measure`, at the end `restore`. What
    `restore` needs to know is noted in `workplace.journal` before anything is changed: after a kill, another process
    builds the target again, with the same journal, and calls `restore` alone.
    """

    restore_s: float
    """How long `restore` may take, seconds; then it is cancelled."""

    async def prepare(self) -> None:
        """Get the system ready before the first candidate. Raises TrimtabError when it cannot be tuned here."""

    async def apply(self, candidate: Candidate) -> None:
        """Bring a candidate to the system. Raises TargetError, or anything else, when that fails."""

    async def measure(
        self, seed: int, fidelity: float | None = None, *, required: tuple[str, ...] = (), watch: Watch | None = None
    ) -> Measurement:
        """Run the workload once on what was applied, and return what was measured.

        `watch` is given where intermediate values matter: it sees what each JSON line of the output reports, and
        returns true to stop the run.

        A run that fails, or lacks a metric of `required`, is a failed measurement with a reason, never an exception.
        """

    async def restore(self) -> None:
        """Bring the system back to how it was before `prepare`; harmless where nothing was changed, and again.

        Called at the end of every run, also after a failure in `prepare` or `apply`.
        """
