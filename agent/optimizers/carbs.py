"""Cost-aware search around the front of performance and cost, after CARBS (Fetterman et al., arXiv 2306.08055).

Candidates are drawn around the trials that no other beats in both loss and cost. A second surrogate predicts the
(logarithm of the) cost, and a candidate's improvement is measured against the best that its predicted cost already
buys, so that cheap improvements are found before dear ones.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from .base import COST, Setting
from .bayes import BayesSampler, expected_improvement
from .encoding import INACTIVE, Points
from .kriging import GaussianProcess

_AROUND = 400
_RADIUS = 0.3


class CarbsSampler(BayesSampler):
    """A Bayesian sampler whose acquisition function and candidates follow the front of loss and cost."""

    def __init__(self, setting: Setting, startup: int) -> None:
        parameters = len(setting.space.parameters)
        super().__init__(setting, lambda: GaussianProcess(parameters), startup)
        self.cost_model = GaussianProcess(parameters)
        self._front: Points = np.empty((0, parameters))

    def _acquisition(
        self, done: Sequence[FrozenTrial], standard: NDArray[np.float64], judged: NDArray[np.float64]
    ) -> Callable[[Points], NDArray[np.float64]]:
        points = np.array([self._point_of(each) for each in done])
        logs = np.log([max(float(each.user_attrs.get(COST, 1.0)), 1e-12) for each in done])
        order = np.lexsort((judged, logs))
        reached = np.minimum.accumulate(judged[order])
        best = order[np.r_[True, reached[1:] < reached[:-1]]]  # each is better than all that cost less
        self._front = points[best]
        self.surrogate.fit(points, standard)
        spread = logs.std()
        self.cost_model.fit(points, (logs - logs.mean()) / spread if spread > 0 else logs * 0.0)
        worst = float(standard.max())

        def gain(candidates: Points) -> NDArray[np.float64]:
            mean, deviation = self.surrogate.predict(candidates)
            cost = self.cost_model.predict(candidates)[0] * spread + logs.mean()
            place = np.searchsorted(logs[best], cost, side="right") - 1
            bought = np.where(place >= 0, judged[best][np.maximum(place, 0)], worst)
            return expected_improvement(np.where(np.isfinite(bought), bought, worst) - mean, deviation)

        return gain

    def _random_points(self, count: int) -> Points:
        """Return points around the front once there is one; anywhere in the space before."""
        if not len(self._front):
            return super()._random_points(count)
        centres = self._front[self.rng.integers(len(self._front), size=min(count, _AROUND))]
        free = centres == INACTIVE
        moved = centres + _RADIUS * self.rng.standard_normal(centres.shape)
        return self.encoding.snap(np.where(free, self.rng.random(centres.shape), moved))


def build(setting: Setting) -> CarbsSampler:
    """Return the sampler."""
    startup = max(3, min(len(setting.space.parameters), setting.trials // 6, 10))
    return CarbsSampler(setting, startup)
