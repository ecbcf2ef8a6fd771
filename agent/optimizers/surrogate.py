"""The interface of a surrogate: a regression that knows how sure it is."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .encoding import Points


class Surrogate(Protocol):
    """A regression that knows how sure it is."""

    def fit(self, points: Points, values: NDArray[np.float64]) -> None:
        """Learn from points, shape (n, parameters), and standardised values, shape (n,)."""

    def predict(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation at points, each of shape (n,)."""
