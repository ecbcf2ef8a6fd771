"""How a sandbox starts a command, and what it does around it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


async def _nothing() -> None:
    pass


async def _no_rest(_pid: int) -> None:
    pass


async def _unknown() -> float | None:
    return None


def _no_trouble(_pid: int) -> str | None:
    return None


@dataclass(frozen=True)
class Launch:
    """A wrapped command. `open_files` are passed on to it.

    `isolated` is whether it sees file systems and processes of its own.

    `started` is awaited once it has been spawned. `trouble` says what is wrong with the wrapper itself, by its process
    id, None when nothing is. `ended` is awaited once the wrapper was sent SIGKILL, and kills the rest.
    `processor_s` is awaited after that, for what all its processes used, in seconds; None where that is not known.
    """

    argv: tuple[str, ...]
    isolated: bool
    open_files: tuple[int, ...] = ()
    started: Callable[[], Awaitable[None]] = _nothing
    trouble: Callable[[int], str | None] = _no_trouble
    ended: Callable[[int], Awaitable[None]] = _no_rest
    processor_s: Callable[[], Awaitable[float | None]] = _unknown
