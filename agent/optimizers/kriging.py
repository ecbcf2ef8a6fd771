"""Bayesian optimization with scikit-learn's Gaussian process: Matern 3/2 with a length scale per parameter.

For small budgets. Length scales are fitted anew at each fifth more trials and kept in between, so that a
suggestion stays cheap.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from .base import Setting
from .bayes import BayesSampler
from .encoding import Points

_MOST_POINTS = 300
_REFIT_GROWTH = 1.2


class GaussianProcess:
    """A Gaussian process that remembers its length scales."""

    def __init__(self, parameters: int) -> None:
        self._kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(
            [1.0] * parameters, (0.1, 30.0), nu=1.5
        ) + WhiteKernel(0.05, (1e-4, 0.5))
        self._fitted_at = 0
        self._process: GaussianProcessRegressor | None = None

    def fit(self, points: Points, values: NDArray[np.float64]) -> None:
        """Learn from points and values; of very many, the best and the latest."""
        if len(values) > _MOST_POINTS:
            best = np.argsort(values)[: _MOST_POINTS // 2]
            kept = np.union1d(best, np.arange(len(values) - _MOST_POINTS // 2, len(values)))
            points, values = points[kept], values[kept]
        refit = len(values) >= _REFIT_GROWTH * self._fitted_at
        process = GaussianProcessRegressor(self._kernel, optimizer="fmin_l_bfgs_b" if refit else None, alpha=1e-8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(points, values)
        self._kernel, self._process = process.kernel_, process
        self._fitted_at = len(values) if refit else self._fitted_at

    def predict(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation."""
        assert self._process is not None
        mean, spread = self._process.predict(points, return_std=True)
        return mean, spread


def build(setting: Setting) -> BayesSampler:
    """Return the sampler."""
    parameters = len(setting.space.parameters)
    startup = max(3, min(parameters, setting.trials // 6, 10))
    return BayesSampler(setting, GaussianProcess(parameters), startup)
