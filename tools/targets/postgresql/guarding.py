"""Watches a measurement: too slow, errors, or the memory of the machine at its end."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from . import memory
from .section import Guard
from .workload import Second

_IN_A_ROW = 2
"""Seconds that must agree: a single one may be a checkpoint's."""


@dataclass
class Watchman:
    """Sees each second of a run. `default_ms` is the default's mean latency, None where it is not known or not asked.

    `postmaster` is the server's process, 0 where it is not visible; `peak` is the most that its processes have used.
    """

    guard: Guard
    default_ms: float | None = None
    postmaster: int = 0
    in_use: Callable[[], float] = memory.share_in_use
    peak: int = 0
    _slow: list[float] = field(default_factory=list)

    def __call__(self, second: Second) -> str:
        """Return why the run must stop, '' to let it go on."""
        if self.postmaster:
            self.peak = max(self.peak, memory.used_by(self.postmaster))
        used = self.in_use()
        if used > self.guard.memory:
            return f"{used:.0%} of the memory is in use (guard.memory = {self.guard.memory:g})"
        if second.failed > self.guard.errors:
            return f"{second.failed} transactions failed (guard.errors = {self.guard.errors})"
        return self._too_slow(second.latency_ms)

    def _too_slow(self, latency_ms: float) -> str:
        factor = self.guard.latency_factor
        if self.default_ms is None or not factor:
            return ""
        most = factor * self.default_ms
        slow = math.isnan(latency_ms) or latency_ms > most  # NaN: nothing ended in that second
        self._slow = [*self._slow, latency_ms] if slow else []
        if len(self._slow) < _IN_A_ROW or (math.isnan(latency_ms) and len(self._slow) * 1000 < most):
            return ""
        known = [each for each in self._slow if not math.isnan(each)]
        shown = f"{min(known):.3g} ms" if known else f"over {len(self._slow)} s"
        return f"latency {shown}, the default's is {self.default_ms:.3g} ms (guard.latency_factor = {factor:g})"
