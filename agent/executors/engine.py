"""What is needed of an engine that runs jobs on other machines: Ray, and what may come beside it, one file each.

An engine knows attempts by their names and does as it is told: retries, deadlines and counting are `remote`'s.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ...tools.errors import TrimtabError
from ...tools.targets import Measurement
from .base import Job


class LostError(TrimtabError):
    """An evaluation was lost with its machine, more often than it is submitted again. It says nothing of the job."""


@dataclass(frozen=True)
class News:
    """Something that an engine tells of an attempt.

    'alive': it waits, or runs, on `host` then; 'report': it reported `metrics`; 'ended': with `measurement`;
    'lost': its machine was, for this `reason`. An engine tells of every attempt that it has, again and again, so that
    silence means something.
    """

    attempt: str
    kind: Literal["alive", "report", "ended", "lost"]
    host: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    measurement: Measurement | None = None
    reason: str = ""


class Engine(Protocol):
    """Runs jobs somewhere. News may be late, doubled or missing, and its machines may vanish.

    Raises TrimtabError, from every method, where the engine as a whole cannot be reached.
    """

    sandbox_name: str
    sandbox_guarantees: str

    @property
    def workers(self) -> int:
        """How many jobs it has room for now."""

    async def open(self) -> Collection[str]:
        """Get in touch, and return the names of the attempts that it has, finished ones not forgotten included."""

    async def start(self, attempt: str, job: Job) -> None:
        """Take a job; it waits where there is no room. A name is used once."""

    async def news(self) -> Sequence[News]:
        """Wait for news, and return all there are; after `open`, results of attempts from before it are among them."""

    async def stop(self, attempt: str) -> None:
        """Let an evaluation know that it is not worth going on: it ends as pruned. Nothing where it has ended."""

    async def cancel(self, attempt: str) -> None:
        """End an attempt with all its processes, and forget it. Nothing where it has ended."""

    async def forget(self, attempts: Collection[str]) -> None:
        """Let go of what is kept of attempts that have ended."""

    async def close(self) -> None:
        """End all attempts and let go of the engine."""
