"""A circuit breaker: after repeated failures an endpoint is left alone for a while, longer each time."""

import time
from dataclasses import dataclass

_LONGEST_PAUSE_S = 300.0


@dataclass
class Breaker:
    """Opens after `threshold` failed calls in a row for `pause_s`; each further failure doubles the pause."""

    threshold: int = 3
    pause_s: float = 5.0
    failures: int = 0
    pauses: int = 0
    open_until: float = 0.0

    def paused_s(self) -> float:
        """Return the seconds until the next call may be tried; 0 when it may now."""
        return max(0.0, self.open_until - time.monotonic())

    def failed(self, retry_after_s: float | None = None) -> None:
        """Count a failure."""
        self.failures += 1
        if self.failures >= self.threshold:
            pause = min(self.pause_s * 2**self.pauses, _LONGEST_PAUSE_S)
            self.open_until = time.monotonic() + max(pause, retry_after_s or 0.0)
            self.pauses += 1
            self.failures = self.threshold - 1  # one more failure after the pause opens it again

    def succeeded(self) -> None:
        """Close it."""
        self.failures = self.pauses = 0
        self.open_until = 0.0
