"""Racing: how often a configuration is measured before it is believed.

The default is repeated first, which shows the noise. A challenger is measured again while it cannot be told from the
incumbent, up to a cap, and becomes the incumbent only when the difference exceeds the noise. After F-Race (Birattari et
al., GECCO 2002) and SMAC's intensification (Hutter et al., LION 2011), with one pooled variance instead of a test per
configuration, because there are few repeats of each.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, variance

from ...tools.targets.evaluation import Evaluation

DEFAULT_REPEATS = 3
_LEVEL = 0.95
"""Two configurations are told apart by a one-sided test of this level."""


@dataclass
class Noise:
    """The variance within configurations, pooled over all that were repeated: of losses, and of their logarithms."""

    squares: float = 0.0
    log_squares: float = 0.0
    freedom: int = 0

    def add(self, losses: Sequence[float]) -> None:
        """Take in the repeated measurements of one configuration."""
        if len(losses) < 2:
            return
        self.freedom += len(losses) - 1
        self.squares += variance(losses) * (len(losses) - 1)
        logs = _logs(losses)
        self.log_squares += variance(logs) * (len(losses) - 1) if logs else math.nan

    @property
    def relative(self) -> float | None:
        """The standard deviation of a measurement as a share of its value; None when unknown."""
        if not self.freedom or math.isnan(self.log_squares):
            return None
        return math.sqrt(self.log_squares / self.freedom)

    @property
    def absolute(self) -> float | None:
        """The standard deviation of a measurement in the objective's unit; None when nothing was repeated."""
        return math.sqrt(self.squares / self.freedom) if self.freedom else None


def separation(losses: Sequence[float], other: Sequence[float], noise: Noise) -> float | None:
    """Return by how many standard errors `losses` are better (smaller) than `other`; None when noise is unknown."""
    ours, theirs, spread = losses, other, noise.absolute
    logs = _logs([*losses, *other])
    if logs and noise.relative is not None:
        ours, theirs, spread = logs[: len(losses)], logs[len(losses) :], noise.relative
    if spread is None:
        return None
    gain = mean(theirs) - mean(ours)  # not fmean, which may give equal values different means
    error = spread * math.sqrt(1 / len(ours) + 1 / len(theirs))
    if error == 0:
        return math.copysign(math.inf, gain) if gain else 0.0
    return gain / error


def beats(losses: Sequence[float], incumbent: Sequence[float], noise: Noise) -> bool:
    """Whether the difference to the incumbent exceeds the noise. Where the noise is unknown, smaller is better."""
    found = separation(losses, incumbent, noise)
    return mean(losses) < mean(incumbent) if found is None else found > _decided(noise.freedom)


def enough(
    evaluation: Evaluation, losses: Sequence[float], incumbent: Sequence[float], noise: Noise, *, is_default: bool
) -> bool:
    """Whether a trial needs no further measurement; `incumbent` is empty when there is none."""
    most = evaluation.max_repeats or evaluation.repeats
    if len(losses) < evaluation.repeats or len(losses) >= most:
        return len(losses) >= most
    if is_default:
        return len(losses) >= DEFAULT_REPEATS
    if not incumbent:
        return True
    found = separation(losses, incumbent, noise)
    return found is not None and (abs(found) > _decided(noise.freedom) or found == 0.0 == (noise.absolute or 0.0))


@functools.cache
def _decided(freedom: int) -> float:
    """Return how many standard errors separate two configurations, when the error is known from so many degrees."""
    from scipy.stats import t

    return float(t.ppf(_LEVEL, max(1, freedom)))


def _logs(losses: Sequence[float]) -> list[float]:
    """Return losses on a logarithmic scale that keeps their order; empty when their signs differ."""
    if min(losses) > 0:
        return [math.log(loss) for loss in losses]
    return [-math.log(-loss) for loss in losses] if max(losses) < 0 else []
