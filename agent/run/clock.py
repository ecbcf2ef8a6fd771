"""Counts the seconds that a search has taken, without those in which it was held: a pause, a question to a person."""

from time import monotonic


class Clock:
    """Runs from the start until `run(False)`; `before` are the seconds of earlier runs."""

    def __init__(self, before: float = 0.0) -> None:
        self._counted = before
        self._since: float | None = monotonic()

    @property
    def seconds(self) -> float:
        """The seconds counted so far."""
        return self._counted + (0.0 if self._since is None else monotonic() - self._since)

    def run(self, on: bool) -> None:  # a switch
        """Go on counting, or hold."""
        if on and self._since is None:
            self._since = monotonic()
        elif not on:
            self._counted, self._since = self.seconds, None
