"""What a benchmark reports, and how times are taken."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Ours against a baseline, both in `unit`, and the bar that the ratio must meet (infinite: none)."""

    what: str
    ours: float
    baseline: str
    theirs: float
    bar: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """Ours over the baseline's."""
        return self.ours / self.theirs

    def __str__(self) -> str:
        verdict = f"({'meets' if self.ratio <= self.bar else 'MISSES'} the bar of {self.bar:.3g})"
        return (
            f"{self.what}: {self.ours:.4g} {self.unit}, {self.baseline} {self.theirs:.4g} {self.unit}, "
            f"ratio {self.ratio:.3g} {verdict if self.bar < math.inf else ''}".rstrip()
        )


def median_ms(action: Callable[[], object], runs: int) -> float:
    """Return the median time of `runs` calls, milliseconds."""
    return statistics.median(time_ms(action) for _ in range(runs))


def interleaved_ms(actions: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Return each action's median time when they take turns, so that drift of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(runs):
        for action, found in zip(actions, times, strict=True):
            found.append(time_ms(action))
    return [statistics.median(found) for found in times]


def time_ms(action: Callable[[], object]) -> float:
    """Return the time of one call, milliseconds."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3
