"""Bayesian optimization with scikit-learn's Gaussian process: Matern 5/2 with a length scale per parameter.

For small budgets. Length scales are the most probable ones under a log-normal prior that grows with the number of
parameters (Hvarfner et al., ICML 2024): without one, a handful of trials is fitted by declaring most parameters
irrelevant. They are fitted anew at each fifth more trials and kept in between, so that a suggestion stays cheap.
Expected improvement has a margin (Brochu et al., arXiv 1012.2599): where many configurations are equally good, options
without effect would be tried one by one.
"""

import math
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import ThreadpoolController

from .base import Setting
from .bayes import BayesSampler
from .encoding import Points

_MOST_POINTS = 300
_REFIT_GROWTH = 1.2
_LENGTH = 0.4
"""Typical length scale in one dimension, in widths of the space; with d parameters it is sqrt(d) times that."""
_NOISE = 0.02
"""Typical share of the variance that is noise."""

_MARGIN = 0.3
"""Gains that count as improvements, in standard deviations of the results."""


@cache
def _threads() -> ThreadpoolController:
    """Return the control over numerical libraries' threads: for matrices this small, more than one only gets in the
    way of the evaluations."""
    return ThreadpoolController()


class _WithPrior(GaussianProcessRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """A Gaussian process whose hyperparameters maximise the posterior, not the likelihood."""

    def log_marginal_likelihood(self, theta: Any = None, eval_gradient: bool = False, clone_kernel: bool = True) -> Any:
        """Return the log likelihood plus the log prior of the logarithms `theta`: amplitude, lengths, noise."""
        found = super().log_marginal_likelihood(theta, eval_gradient, clone_kernel)
        if theta is None:
            return found
        lengths = len(theta) - 2
        mean = np.r_[0.0, np.full(lengths, math.log(_LENGTH * math.sqrt(lengths))), math.log(_NOISE)]
        spread = np.r_[np.ones(lengths + 1), 1.5]
        away = (theta - mean) / spread
        prior = -0.5 * float(away @ away)
        return (found[0] + prior, found[1] - away / spread) if eval_gradient else found + prior


class GaussianProcess:
    """A Gaussian process that remembers its length scales."""

    def __init__(self, parameters: int) -> None:
        lengths = [_LENGTH * math.sqrt(parameters)] * parameters
        signal = ConstantKernel(1.0, (0.05, 20.0)) * Matern(lengths, (0.05, 30.0), nu=2.5)
        self._kernel = signal + WhiteKernel(0.05, (1e-4, 0.5))
        self._fitted_at = 0
        self._process: GaussianProcessRegressor | None = None

    def fit(self, points: Points, values: NDArray[np.float64]) -> None:
        """Learn from points and values; of very many, the best and the latest."""
        if len(values) > _MOST_POINTS:
            best = np.argsort(values)[: _MOST_POINTS // 2]
            kept = np.union1d(best, np.arange(len(values) - _MOST_POINTS // 2, len(values)))
            points, values = points[kept], values[kept]
        refit = len(values) >= _REFIT_GROWTH * self._fitted_at
        process = _WithPrior(self._kernel, optimizer="fmin_l_bfgs_b" if refit else None, alpha=1e-8)
        with warnings.catch_warnings(), _threads().limit(limits=1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(points, values)
        self._kernel, self._process = process.kernel_, process
        self._fitted_at = len(values) if refit else self._fitted_at

    def predict(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation."""
        assert self._process is not None
        with _threads().limit(limits=1):
            mean, spread = self._process.predict(points, return_std=True)
        return mean, spread


def build(setting: Setting) -> BayesSampler:
    """Return the sampler."""
    parameters = len(setting.space.parameters)
    startup = max(3, min(8, setting.trials // 3))
    return BayesSampler(setting, lambda: GaussianProcess(parameters), startup, margin=_MARGIN)
