"""The interface of a target, and the plain data that goes in and out of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, field_validator

from ..expressions import Value
from ..sandbox import Sandbox
from ..text import one_line, plain
from .wording import Wording

_AS_THEY_ARE = Wording()
LOG_LENGTH, LONGEST_REASON = 4000, 600


class Measurement(BaseModel):
    """The result of one evaluation. Serialisable, so that it can travel between machines.

    `metrics` are finite numbers by name; empty when `state` is failed, and then `reason` says why in one line.
    A pruned one was stopped early: its metrics are the last it reported. `log` is the end of what the evaluation
    printed: untrusted text. `notice` is what a person should know of the machine, such as a folder that stays behind.
    All text is made plain here, whoever measured.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["complete", "failed", "pruned"]
    metrics: dict[str, float] = {}
    reason: str | None = None
    duration_s: float = 0.0
    log: str = ""
    notice: str = ""

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


@dataclass(frozen=True)
class Workplace:
    """Where evaluations run: the sandbox, the study's folder (readable), the CPUs they are pinned to, how values are
    written, and the number of the worker, from 0.

    `hidden` are files and folders that an evaluation must not see, such as the store. A target whose system listens on
    unix sockets adds their folders to `sockets`: all others are out of an evaluation's reach when it has no network.
    """

    sandbox: Sandbox
    study_directory: Path
    cpus: tuple[int, ...] = ()
    hidden: tuple[Path, ...] = ()
    wording: Wording = _AS_THEY_ARE
    worker: int = 0
    sockets: tuple[Path, ...] = ()


class Target(Protocol):
    """A system under tuning. Built once per worker; `evaluate` is never called twice at the same time."""

    async def prepare(self) -> None:
        """Get the system ready before the first evaluation. Raises TrimtabError when it cannot be tuned here."""

    async def evaluate(
        self,
        configuration: Mapping[str, Value],
        *,
        seed: int,
        fidelity: float | None = None,
        required: tuple[str, ...] = (),
        watch: Watch | None = None,
    ) -> Measurement:
        """Apply `configuration`, run the workload once with `seed`, and return what was measured.

        `watch` is given where intermediate values matter: it sees what each JSON line of the output reports, and
        returns true to stop the run.

        A run that fails, or lacks a metric of `required`, is a failed measurement with a reason, never an exception.
        """

    async def restore(self) -> None:
        """Bring the system back to how it was before `prepare`. Called once, also after a failure."""
