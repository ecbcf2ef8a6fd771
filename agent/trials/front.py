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
        self._points: NDArray[np.float64] = np.empty((0, goals))
        self._ranks = np.empty(0, dtype=np.int64)  # of each member: its losses' ranks among the front's, summed

    def add(self, trial: Trial, point: Sequence[float]) -> None:
        """Take in a trial: numbers to minimise, always as many."""
        mine = np.asarray(point, dtype=np.float64)
        if not self._trials:
            self._points = np.empty((0, len(mine)))
        worse, better = (self._points > mine).any(axis=1), (self._points < mine).any(axis=1)
        if np.any(better & ~worse):
            return
        self._drop(np.flatnonzero(worse & ~better))
        losses = self._points[:, : self._goals]
        rank = np.count_nonzero(losses < mine[: self._goals])
        self._ranks = np.append(self._ranks + np.count_nonzero(losses > mine[: self._goals], axis=1), rank)
        self._trials = [*self._trials, trial]
        self._points = np.vstack([self._points, mine])
        self._numbers = np.append(self._numbers, trial.number)

    def _drop(self, beaten: NDArray[np.intp]) -> None:
        """Let go of members that are dominated now, given by their places."""
        for gone in self._points[beaten, : self._goals]:
            self._ranks = self._ranks - np.count_nonzero(self._points[:, : self._goals] > gone, axis=1)
        if beaten.size:
            out = set(beaten.tolist())
            self._trials = [each for place, each in enumerate(self._trials) if place not in out]
            self._points = np.delete(self._points, beaten, axis=0)
            self._numbers = np.delete(self._numbers, beaten)
            self._ranks = np.delete(self._ranks, beaten)

    def trials(self) -> list[Trial]:
        """Return the members in order of their points, and of their numbers where those are equal."""
        return [self._trials[index] for index in np.lexsort((self._numbers, *reversed(self._points.T)))]

    def compromise(self) -> Trial | None:
        """Return the member with the lowest mean rank over the losses, the earliest on a tie."""
        if not self._trials:
            return None
        tied = np.flatnonzero(self._ranks == self._ranks.min())
        return self._trials[int(tied[self._numbers[tied].argmin()])]

    def snapshot(self) -> "Front":
        """Return a copy that does not change when trials are added to this one."""
        return copy(self)  # what it is made of is replaced, never changed
