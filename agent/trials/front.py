"""The Pareto front of a study, kept up to date trial by trial, and the best compromise on it."""

from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from .trial import Trial


class Front:
    """The trials that no other dominates. One dominates another when it is nowhere worse and somewhere better."""

    def __init__(self, goals: int) -> None:
        """Begin with nothing. The first `goals` numbers of each point are losses, by which compromises are judged."""
        self._goals = goals
        self._trials: list[Trial] = []
        self._numbers = np.empty(0, dtype=np.int64)
        self._points: NDArray[np.float64] | None = None

    def add(self, trial: Trial, point: Sequence[float]) -> None:
        """Take in a trial: numbers to minimise, always as many."""
        mine = np.asarray(point, dtype=np.float64)
        points = np.empty((0, len(mine))) if self._points is None else self._points
        if np.any((points <= mine).all(axis=1) & (points < mine).any(axis=1)):
            return
        kept = np.flatnonzero((points < mine).any(axis=1) | (points <= mine).all(axis=1))
        self._trials = [*(self._trials[index] for index in kept), trial]
        self._points = np.vstack([points[kept], mine])
        self._numbers = np.append(self._numbers[kept], trial.number)

    def trials(self) -> list[Trial]:
        """Return the members in order of their points, and of their numbers where those are equal."""
        if self._points is None:
            return []
        return [self._trials[index] for index in np.lexsort((self._numbers, *reversed(self._points.T)))]

    def compromise(self) -> Trial | None:
        """Return the member with the lowest mean rank over the losses, the earliest on a tie."""
        if self._points is None:
            return None
        ranks = sum(np.searchsorted(np.sort(column), column) for column in self._points.T[: self._goals])
        return self._trials[int(np.lexsort((self._numbers, ranks))[0])]

    def snapshot(self) -> "Front":
        """Return a copy that does not change when trials are added to this one."""
        return copy(self)  # what it is made of is replaced, never changed
