"""Bayesian optimization over mixed conditional spaces: a surrogate, expected improvement, local search.

After SMAC (Lindauer et al., JMLR 2022): candidates are random points and one-exchange neighbours of the best ones,
improved by a few rounds of local search. The surrogate is a parameter; `forest` and `kriging` have one each. Failed and
infeasible trials teach where not to go: expected improvement is weighted by the probability of a usable result, see
`feasibility`.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ..study.space import from_optuna
from .base import ADVISED, FAILED, Setting
from .encoding import INACTIVE, Encoding, Points
from .feasibility import Feasibility, probability_of
from .surrogate import Surrogate

_RANDOM, _STARTS, _ROUNDS, _STEPS = 300, 8, 3, 4
_NEIGHBOUR_SPREAD = 0.2
_TIGHT_TIMES, _MOST_TIGHT = 4, 2000


class BayesSampler(BaseSampler):
    """Proposes the point with the largest expected improvement under a surrogate. For one objective to minimise or
    maximise; `startup` trials are spread at random first, and a share `explore` of the others. An improvement counts
    from `margin` on, in standard deviations of the results."""

    def __init__(
        self,
        setting: Setting,
        surrogate: Callable[[], Surrogate],
        startup: int,
        explore: float = 0.0,
        margin: float = 0.0,
    ) -> None:
        self.setting, self.surrogate, self.feasibility = setting, surrogate(), Feasibility(surrogate)
        self.startup, self.explore, self.margin = startup, explore, margin
        self.encoding = Encoding(setting.space)
        self.rng = np.random.default_rng(setting.seed)
        self._random = RandomSampler(seed=setting.seed)
        self._points: dict[int, Points] = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all parameters: which of them are active is decided with the point."""
        del study, trial
        return dict(self.setting.space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the active parameters of the next point."""
        del trial, search_space
        states = (TrialState.COMPLETE, TrialState.RUNNING)
        trials = [each for each in study.get_trials(deepcopy=False, states=states) if self._ours(each)]
        done = [each for each in trials if each.state == TrialState.COMPLETE and each.value is not None]
        spread = sum(ADVISED not in each.user_attrs for each in done)  # advice, good or bad, replaces no exploration
        if spread < self.startup or self.rng.random() < self.explore:
            point = self._random_points(1)[0]
        else:
            sign = -1.0 if study.direction.name == "MAXIMIZE" else 1.0
            values = sign * np.array([float(each.value or 0.0) for each in done])
            point = self._best_point(trials, done, values)
        return dict(self.setting.space.to_optuna(self.encoding.decode(point)))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw at random what the point does not have."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Start from fresh randomness, in a new process."""
        self.rng = np.random.default_rng()
        self._random.reseed_rng()

    def _ours(self, trial: FrozenTrial) -> bool:
        return bool(trial.params) and trial.params.keys() <= self.setting.space.parameters.keys()

    def _point_of(self, trial: FrozenTrial) -> Points:
        if trial.number not in self._points:
            parameters = self.setting.space.parameters
            configuration = {name: from_optuna(parameters[name], value) for name, value in trial.params.items()}
            self._points[trial.number] = self.encoding.encode(configuration)
        return self._points[trial.number]

    def _best_point(
        self, trials: Sequence[FrozenTrial], done: Sequence[FrozenTrial], values: NDArray[np.float64]
    ) -> Points:
        points = np.array([self._point_of(each) for each in done])
        measured = np.array([FAILED not in each.user_attrs for each in done])
        if not measured.any():
            drawn: Points = self._random_points(1)[0]
            return drawn
        usable = measured & np.array([all(v <= 0 for v in each.constraints.values()) for each in done])
        violations = [each.constraints for each, known in zip(done, measured, strict=True) if known]
        models = probability_of(measured, points, self.setting.seed), self.feasibility.fit(points[measured], violations)
        works = [each for each in models if each is not None]
        standard = np.empty(len(done))
        standard[measured] = standardise(values[measured])
        standard[~measured] = standard[measured].max()  # nothing is gained where it failed
        judged = np.where(usable, standard, np.inf) if usable.any() else standard
        gain = self._acquisition(done, standard, judged) if usable.any() else None

        def score(candidates: Points) -> NDArray[np.float64]:
            factors = [each(candidates) for each in ([gain] if gain else []) + works]
            return np.asarray(np.prod(factors, axis=0))

        tried = {tuple(self._point_of(each)) for each in trials}
        found, scores = self._search(points[np.argsort(judged)[:_STARTS]], score)
        for index in np.argsort(-scores):
            configuration = self.encoding.decode(found[index])
            new = tuple(self.encoding.encode(configuration)) not in tried
            if new and self.setting.space.violated(configuration) is None:
                chosen: Points = found[index]
                return chosen
        fallback: Points = self._random_points(1)[0]
        return fallback

    def _acquisition(
        self, done: Sequence[FrozenTrial], standard: NDArray[np.float64], judged: NDArray[np.float64]
    ) -> Callable[[Points], NDArray[np.float64]]:
        """Return the acquisition function: here, expected improvement on the best.

        `standard` are the standardised values of the trials, `judged` the same, infinite where the result is unusable.
        """
        self.surrogate.fit(np.array([self._point_of(each) for each in done]), standard)
        best = float(judged.min()) - self.margin

        def gain(candidates: Points) -> NDArray[np.float64]:
            mean, spread = self.surrogate.predict(candidates)
            return expected_improvement(best - mean, spread)

        return gain

    def _search(
        self, starts: Points, score: Callable[[Points], NDArray[np.float64]]
    ) -> tuple[Points, NDArray[np.float64]]:
        """Return candidates with their scores after a local search from good and random points."""
        found = np.concatenate([self._random_points(_RANDOM), self._neighbours(starts)])
        scores = score(found)
        for _round in range(_ROUNDS):
            top = found[np.argsort(-scores)[:_STARTS]]
            near = self._neighbours(top)
            found, scores = np.concatenate([found, near]), np.concatenate([scores, score(near)])
        found, first = np.unique(found, axis=0, return_index=True)
        return found, scores[first]

    def _random_points(self, count: int) -> Points:
        space = self.setting.space
        if space.tight:  # chance finds nothing there, and neighbours are mostly forbidden: look at more points instead
            chance = random.Random(int(self.rng.integers(1 << 62)))
            drawn = [space.sample(chance) for _ in range(min(count * _TIGHT_TIMES, _MOST_TIGHT) if count > 1 else 1)]
            return np.array([self.encoding.encode(each) for each in drawn])
        return self.encoding.snap(self.rng.random((count, len(self.encoding.names))))

    def _neighbours(self, points: Points) -> Points:
        """Return points that differ in one active parameter, a few per parameter."""
        found = []
        categorical = self.encoding.categorical
        for point in points:
            inactive = point == INACTIVE
            gaps = int(inactive.sum())
            for column in np.flatnonzero(~inactive):
                for _step in range(2 if categorical[column] else _STEPS):
                    near = point.copy()
                    if gaps:
                        near[inactive] = self.rng.random(gaps)
                    if categorical[column]:
                        near[column] = self.rng.random()
                    else:
                        near[column] += _NEIGHBOUR_SPREAD * self.rng.standard_normal()
                    found.append(near)
        return self.encoding.snap(np.array(found))


def expected_improvement(gain: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected improvement for expected gains with normal spreads (Jones et al., 1998)."""
    spread = np.maximum(spread, 1e-9)
    z = gain / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(gain * ndtr(z) + spread * density)


def standardise(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with mean 0 and deviation 1, on a logarithmic scale where they are positive and skewed.

    Half of the scale is that of the values, half that of their normal scores by rank: the first keeps how much better
    the best are, the second lets no cliff decide the fit (measured on 18 tables).
    """
    if values.min() > 0 and values.max() > 3 * np.median(values):
        values = np.log(values)
    low, high = np.quantile(values, [0.25, 0.75])
    values = np.minimum(values, high + 3 * max(high - low, 1e-12))  # one terrible trial must not flatten the rest
    ranks = ndtri((rankdata(values) - 0.5) / len(values))
    return _scaled(_scaled(values) + _scaled(ranks))


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))
