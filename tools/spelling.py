"""Guesses what was meant by a name that nobody knows."""

import difflib
from collections.abc import Callable, Iterable


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most like `name`; None when none is like it to the degree `cutoff` (0 to 1)."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(
    name: str, known: Iterable[str], *, cutoff: float = 0.6, otherwise: str = "", shown: Callable[[str], str] = repr
) -> str:
    """Return "; did you mean 'x'?" to put behind a message, or `otherwise` when nothing is like it."""
    guess = closest(name, known, cutoff)
    return otherwise if guess is None else f"; did you mean {shown(guess)}?"
