"""Bayesian optimization with a random forest (Hutter et al., LION 2011): what SMAC does, for mixed spaces."""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from .base import Setting
from .bayes import BayesSampler
from .encoding import Points

_TREES = 30
_EXPLORE = 0.08
"""Share of proposals drawn at random: a forest is flat, and sure of itself, where it has no data (as SMAC does)."""


class Forest:
    """A random forest; its spread is that between and within its trees."""

    def __init__(self, seed: int) -> None:
        self._forest = RandomForestRegressor(
            n_estimators=_TREES, min_samples_leaf=1, min_samples_split=3, max_features=5 / 6, random_state=seed
        )

    def fit(self, points: Points, values: NDArray[np.float64]) -> None:
        """Learn from points and values."""
        self._forest.fit(points, values)

    def predict(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation over the trees."""
        single = points.astype(np.float32)
        trees = [tree.tree_.predict(single)[:, 0] for tree in self._forest.estimators_]
        return np.mean(trees, axis=0), np.maximum(np.std(trees, axis=0), 1e-3)


def build(setting: Setting) -> BayesSampler:
    """Return the sampler."""
    startup = max(3, min(len(setting.space.parameters), setting.trials // 6, 10))
    return BayesSampler(setting, lambda: Forest(setting.seed), startup, _EXPLORE)
