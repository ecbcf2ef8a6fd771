"""Where to begin, by what past studies measured: a small portfolio of configurations that complement each other.

Results become normal scores within their study, so that scales do not matter (Salinas et al., ICML 2020), a forest
learns each study's scores, and configurations are chosen greedily so that each past study would have found a good one
among them (as in portfolios of complementary configurations). A past study counts by its similarity and, once this
study has a few results, by how well its forest ranks them: Kendall's tau, nothing where that is not positive (the
dilution guard of RGPE, Feurer et al. 2018). Bounds are never shrunk. docs/memory.md has what was measured.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, norm, rankdata

from ..optimizers.encoding import Encoding, Points
from ..study.sections import Study
from ..study.space import Configuration, key
from .past import Past

_TREES, _DRAWN, _OF_EACH = 60, 500, 3
"""Trees of a forest; candidates that are drawn at random, and the best of each past study."""
_FEW = 3
"""How many results of this study it takes to judge past ones by them."""
_LEAST = 4
"""A study with fewer results teaches nothing here."""
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Beginning:
    """A configuration to try early, and the keys of the past studies that speak for it, the loudest first."""

    configuration: Configuration
    studies: tuple[str, ...]


class Transfer:
    """What past studies expect of the configurations of a study."""

    def __init__(self, study: Study, past: Sequence[Past]) -> None:
        self._encoding = Encoding(study.space)
        usable = [each for each in past if len(each.results) >= _LEAST]
        self._sources = [_Source(each, self._encoding, study.sampler.seed) for each in usable]
        self._candidates = _candidates(study, self._sources) if usable else []
        points = _points(self._encoding, self._candidates)
        self._expected = np.array([source.scores(points) for source in self._sources])

    def next(self, tried: Sequence[Configuration], results: Sequence[tuple[Configuration, float]]) -> Beginning | None:
        """Return the configuration of which the past expects most beside those tried; None: of nothing any more.

        `results` are this study's own, with losses.
        """
        if not self._sources:
            return None
        there = _points(self._encoding, tried)
        reached = np.array([source.scores(there).min() for source in self._sources])
        gains = self._weights(results)[:, None] * np.maximum(reached[:, None] - self._expected, 0.0)
        best = int(gains.sum(axis=0).argmax())
        loudest = np.argsort(-gains[:, best], kind="stable")
        speakers = tuple(self._sources[index].past.key for index in loudest if gains[index, best] > 0)
        return Beginning(self._candidates[best], speakers) if speakers else None

    def _weights(self, results: Sequence[tuple[Configuration, float]]) -> Scores:
        """Return how much each past study counts."""
        prior = np.array([source.past.similarity for source in self._sources])
        if len(results) < _FEW:
            return prior
        points = _points(self._encoding, [configuration for configuration, _loss in results])
        losses = np.array([loss for _configuration, loss in results])
        agreement = [kendalltau(source.scores(points), losses).statistic for source in self._sources]
        return np.asarray(prior * np.nan_to_num(np.maximum(agreement, 0.0)))


class _Source:
    """A past study with a forest of its scores: the lower, the better."""

    def __init__(self, past: Past, encoding: Encoding, seed: int) -> None:
        from sklearn.ensemble import ExtraTreesRegressor  # slow to import

        self.past = past
        losses = np.array([loss for _configuration, loss in past.results])
        scores = norm.ppf((rankdata(losses) - 0.5) / len(losses))
        self._columns = _Columns(encoding)
        points = _points(encoding, [configuration for configuration, _loss in past.results])
        self._forest = ExtraTreesRegressor(n_estimators=_TREES, random_state=seed).fit(self._columns.of(points), scores)
        self.best = [past.results[index][0] for index in np.argsort(losses, kind="stable")[:_OF_EACH]]

    def scores(self, points: Points) -> Scores:
        """Return what the study would expect at points, shape (n,)."""
        return np.asarray(self._forest.predict(self._columns.of(points)))


class _Columns:
    """Points for a forest: a column per choice where choices have no order."""

    def __init__(self, encoding: Encoding) -> None:
        self._unordered = encoding.categorical
        parameters = list(encoding.space.parameters.values())
        self._counts = [
            (2 if each.type == "bool" else len(each.choices)) if each.type in {"bool", "categorical"} else 0
            for each in parameters
        ]

    def of(self, points: Points) -> Points:
        """Return the columns of points, shape (n, columns)."""
        columns: list[NDArray[np.float64]] = []
        for index, count in enumerate(self._counts):
            if self._unordered[index] and count > 2:
                which = np.floor(points[:, index] * count)
                columns += [(which == choice).astype(np.float64) for choice in range(count)]
            else:
                columns.append(points[:, index])
        return np.column_stack(columns)


def _points(encoding: Encoding, configurations: Sequence[Configuration]) -> Points:
    return np.array([encoding.encode(each) for each in configurations])


def _candidates(study: Study, sources: Sequence[_Source]) -> list[Configuration]:
    """Return what may be chosen: the best of each past study, and random configurations."""
    rng = random.Random(study.sampler.seed)
    given = [each for source in sources for each in source.best]
    given += [study.space.sample(rng) for _ in range(_DRAWN)]
    return list({key(each): each for each in given if study.space.violated(each) is None}.values())
