"""Bayesian optimization over mixed conditional spaces: a surrogate, expected improvement, local search.

After SMAC (Lindauer et al., JMLR 2022): candidates are random points and one-exchange neighbours of the best ones,
improved by a few rounds of local search. The surrogate is a parameter; `forest` and `kriging` have one each. Failed and
infeasible trials teach where not to go: expected improvement is weighted by the probability of a usable result, see
`feasibility`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ..study.space import Configuration, from_optuna
from .base import ADVISED, FAILED, Setting
from .encoding import INACTIVE, Encoding, Points
from .feasibility import Feasibility, probability_of
from .surrogate import Surrogate

_RANDOM, _STARTS, _ROUNDS, _STEPS = 300, 8, 3, 4
_NEIGHBOUR_SPREAD = 0.2
_TIGHT_TIMES, _MOST_TIGHT = 4, 2000
FORECAST_FROM = 8
"""Results from which on the surrogate has something to say."""
_NINETY = 1.645
"""Standard deviations on either side that hold 90 % of a normal distribution."""


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
        trials, done, values = self._told(study)
        if known(done, values) < self.startup or self.rng.random() < self.explore:
            point = self._random_points(1)[0]
        else:
            point = next(self._best_points(trials, done, values))
        return dict(self.setting.space.to_optuna(self.encoding.decode(point)))

    def _told(self, study: Study) -> tuple[list[FrozenTrial], list[FrozenTrial], NDArray[np.float64]]:
        """Return the trials that are known, those with a result, and their values to minimise."""
        states = (TrialState.COMPLETE, TrialState.RUNNING)
        trials = [each for each in study.get_trials(deepcopy=False, states=states) if self._ours(each)]
        done = [each for each in trials if each.state == TrialState.COMPLETE and each.value is not None]
        sign = -1.0 if study.direction.name == "MAXIMIZE" else 1.0
        return trials, done, sign * np.array([float(each.value or 0.0) for each in done])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw at random what the point does not have."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def forecast(
        self, study: Study, configurations: Sequence[Configuration]
    ) -> list[tuple[float, float, float]] | None:
        """Return what the surrogate expects of configurations, as loss (expected, low, high: 90 %); None while it has
        too little to go by."""
        _trials, told, results = self._told(study)
        measured = np.array([FAILED not in each.user_attrs for each in told], dtype=bool)
        done, values = [each for each, known in zip(told, measured, strict=True) if known], results[measured]
        if len(done) < FORECAST_FROM:
            return None
        standard = standardise(values)
        self.surrogate.fit(np.array([self._point_of(each) for each in done]), standard)
        mean, spread = self.surrogate.predict(np.array([self.encoding.encode(each) for each in configurations]))
        back = _unstandardised(standard, values)
        bounds = [back(mean), back(mean - _NINETY * spread), back(mean + _NINETY * spread)]
        return [(float(a), float(b), float(c)) for a, b, c in zip(*bounds, strict=True)]

    def candidates(self, study: Study, count: int) -> list[Configuration]:
        """Return the points with the largest expected improvement; the next proposal is none the wiser for it."""
        trials, done, values = self._told(study)
        if len(done) < max(FORECAST_FROM, self.startup):
            return []
        before = self.rng.bit_generator.state
        found = [self.encoding.decode(point) for point in islice(self._best_points(trials, done, values), count)]
        self.rng.bit_generator.state = before
        return found

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

    def _best_points(
        self, trials: Sequence[FrozenTrial], done: Sequence[FrozenTrial], values: NDArray[np.float64]
    ) -> Iterator[Points]:
        """Yield points that were not tried, the most promising first, and at the end a random one."""
        tried = {tuple(self._point_of(each)) for each in trials}
        measured = np.array([FAILED not in each.user_attrs for each in done])
        if measured.any():
            starts, score = self._scored(done, values, measured)
            found, scores = self._search(starts, score)
            for index in np.argsort(-scores):
                configuration = self.encoding.decode(found[index])
                new = tuple(self.encoding.encode(configuration)) not in tried
                if new and self.setting.space.violated(configuration) is None:
                    yield found[index]
        yield self._random_points(1)[0]

    def _scored(
        self, done: Sequence[FrozenTrial], values: NDArray[np.float64], measured: NDArray[np.bool_]
    ) -> tuple[Points, Callable[[Points], NDArray[np.float64]]]:
        """Return the best points so far, where the search starts, and how promising a point is."""
        points = np.array([self._point_of(each) for each in done])
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

        return points[np.argsort(judged)[:_STARTS]], score

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


def known(done: Sequence[FrozenTrial], values: NDArray[np.float64]) -> int:
    """Return how many trials replace random ones of the start: all but advice, and of that twice as many as hold.

    Advice holds that is no worse than most of the others; where half of it does, it is as good a start as random points
    (measured: it saves a fifth of the regret after 10 trials on 16 tables). Of bad advice, that it is bad is all that
    is learned.
    """
    advised = np.array([ADVISED in each.user_attrs for each in done], dtype=bool)
    typical = np.median(values[~advised]) if not advised.all() else -np.inf
    hold = int(np.sum(advised & (values <= typical)))
    return int(np.sum(~advised)) + min(int(np.sum(advised)), 2 * hold)


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


def _unstandardised(
    standard: NDArray[np.float64], values: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the way back from standardised values, by interpolation between results; beyond them, their ends."""
    order = np.argsort(standard)
    return lambda wanted: np.asarray(np.interp(wanted, standard[order], values[order]))


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))
