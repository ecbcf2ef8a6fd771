"""What a benchmark reports, and how times are taken."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .bars import bars


@dataclass(frozen=True)
class Ratio:
    """Ours against a baseline, both in `unit`, and the name of the bar in bars.toml that it must meet ('': none)."""

    what: str
    ours: float
    baseline: str
    theirs: float
    bar: str = ""
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """Ours over the baseline's."""
        return self.ours / self.theirs

    @property
    def met(self) -> bool:
        """Whether the bar is met; True without one."""
        return not self.bar or self._figure <= bars()[self.bar].bar

    @property
    def _figure(self) -> float:
        """What the bar is for: the ratio, or our own figure in the bar's unit."""
        unit = bars()[self.bar].unit
        if unit == "x":
            return self.ratio
        if unit != self.unit:
            raise ValueError(f"bar {self.bar} is in {unit}, the benchmark in {self.unit}")
        return self.ours

    def __str__(self) -> str:
        line = (
            f"{self.what}: {self.ours:.4g} {self.unit}, {self.baseline} {self.theirs:.4g} {self.unit}, "
            f"ratio {self.ratio:.3g}"
        )
        if not self.bar:
            return line
        bar = bars()[self.bar]
        verdict = "met" if self.met else "MISSED"
        return f"{line} ({bar.name}: {self._figure:.3g} {bar.unit} of at most {bar.bar:.3g}: {verdict})"


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
