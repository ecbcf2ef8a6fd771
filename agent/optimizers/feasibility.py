"""How probable a usable result is: from the measured value of each constraint, and from what failed.

A constraint's violation is a number, so a surrogate of it knows on which side of the border a point lies and how far:
the probability that it holds weights the acquisition (Gardner et al., ICML 2014; Gelbart et al., UAI 2014), and both
sides of the border are explored where it is not yet known. Crashes have no such number: a forest of trees votes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.ensemble import RandomForestClassifier

from .encoding import Points
from .surrogate import Surrogate

Probability = Callable[[Points], NDArray[np.float64]]
"""Returns the probability of something at points, shape (n,)."""

_TREES = 25
_SURE = 1e-3
_CAUTION = 2
"""Power of the probability: with 1 more trials break a constraint, with 3 the best feasible ones are worse (measured on
the six tasks of the benchmark `constrained`)."""


class Feasibility:
    """The probability that all constraints hold, from their violations; surrogates are built by `surrogate`."""

    def __init__(self, surrogate: Callable[[], Surrogate]) -> None:
        self._build = surrogate
        self._surrogates: dict[str, Surrogate] = {}

    def fit(self, points: Points, violations: Sequence[dict[str, float]]) -> Probability | None:
        """Learn from what each point violated (0 or less: it holds); None while nothing was ever violated.

        An evaluation that was stopped says nothing of a constraint: it is left out of that one's surrogate.

        What is returned is the probability to a power: how much a possible violation counts against a point.
        """
        found = []
        for name in dict.fromkeys(name for each in violations for name in each):
            known = [name in each for each in violations]
            over = np.array([each[name] for each in violations if name in each])
            if (over > 0).any():
                found.append(self._one(name, points[known], over))
        if not found:
            return None
        return lambda candidates: np.asarray(np.prod([each(candidates) ** _CAUTION for each in found], axis=0))

    def _one(self, name: str, points: Points, over: NDArray[np.float64]) -> Probability:
        surrogate = self._surrogates.setdefault(name, self._build())
        values, border = scaled(over)
        surrogate.fit(points, values)

        def holds(candidates: Points) -> NDArray[np.float64]:
            mean, spread = surrogate.predict(candidates)
            return np.asarray(ndtr((border - mean) / np.maximum(spread, _SURE)))

        return holds


def scaled(over: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return violations with mean 0 and deviation 1, large ones compressed, and where their border 0 came to lie."""
    typical = float(np.median(np.abs(over[over != 0]))) if over.any() else 1.0
    values = np.arcsinh(over / typical)
    spread = float(values.std()) or 1.0
    return np.asarray((values - values.mean()) / spread), float(-values.mean() / spread)


def probability_of(usable: NDArray[np.bool_], points: Points, seed: int) -> Probability | None:
    """Return a model of the probability that a point gives a result at all; None while all of them did."""
    if usable.all():
        return None
    if not usable.any():
        return lambda candidates: np.ones(len(candidates))
    forest = RandomForestClassifier(n_estimators=_TREES, min_samples_leaf=1, random_state=seed).fit(points, usable)
    column = list(forest.classes_).index(True)

    def works(candidates: Points) -> NDArray[np.float64]:
        votes = _TREES * forest.predict_proba(candidates)[:, column]
        return np.asarray((votes + 1) / (_TREES + 2))  # never certain

    return works
