"""Which parameters matter by the search's trials, alone and together: for people who look at a study."""

import warnings
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..trials.history import History
from ..trials.trial import Trial
from .encoding import Encoding

FEWEST = 8
"""Fewer trials with a result say nothing of importance."""
FEWEST_TOGETHER = 20
_MOST = 1000
_PAIRS_OF, _LEVELS, _BACKGROUND = 5, 6, 64


def importance(history: History) -> list[tuple[str, float]] | str:
    """Return (parameter, share) by PED-ANOVA (Watanabe et al., IJCAI 2023), largest first, or why there is none yet."""
    complete = _complete(history)
    if len(complete) < FEWEST:
        return f"{len(complete)} trials have a result: importance needs at least {FEWEST}"
    from optuna import create_study, logging
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    logging.set_verbosity(logging.WARNING)
    space, study = history.study.space, create_study()
    for trial in complete:
        given = {name: space.distributions[name] for name in trial.configuration}
        values = space.to_optuna(trial.configuration)
        study.add_trial(create_trial(params=values, distributions=given, value=history.losses(trial)[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is marked experimental, and warns where all trials are alike
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return sorted(found.items(), key=lambda pair: -pair[1])


def interactions(history: History) -> list[tuple[str, str, float]]:
    """Return (parameter, parameter, share) of what pairs of the most important parameters give only together.

    By partial dependence in a random forest: how much of the forest's variance over the trials a pair explains beyond
    both alone (functional ANOVA, Hutter et al., ICML 2014, on the pairs of the five most important; Friedman & Popescu,
    Annals of Applied Statistics 2008). Largest first; empty with too few trials, or where nothing varies.
    """
    complete, ranked = _complete(history), importance(history)
    if isinstance(ranked, str) or len(complete) < FEWEST_TOGETHER:
        return []
    from sklearn.ensemble import RandomForestRegressor

    encoding = Encoding(history.study.space)
    points = np.array([encoding.encode(trial.configuration) for trial in complete])
    losses = np.array([history.losses(trial)[0] for trial in complete])
    model = RandomForestRegressor(n_estimators=60, min_samples_leaf=2, random_state=0).fit(points, losses)
    chosen = np.linspace(0, len(points) - 1, min(_BACKGROUND, len(points))).astype(int)
    background, total = points[chosen], float(model.predict(points).var())
    if total <= 0:
        return []
    always = [name for name, _share in ranked if all(name in trial.configuration for trial in complete)]
    columns = [encoding.names.index(name) for name in always[:_PAIRS_OF]]
    found = []
    for first, second in combinations(columns, 2):
        surface = _dependence(model, background, points, first, second)
        alone = surface.mean(axis=1, keepdims=True) + surface.mean(axis=0, keepdims=True) - surface.mean()
        found.append((encoding.names[first], encoding.names[second], float((surface - alone).var()) / total))
    return sorted(found, key=lambda each: -each[2])


def _dependence(
    model: Any, background: NDArray[np.float64], points: NDArray[np.float64], first: int, second: int
) -> NDArray[np.float64]:
    """Return the forest's mean prediction where two columns have the values that they had in the trials."""
    levels = [np.unique(np.quantile(points[:, column], np.linspace(0, 1, _LEVELS))) for column in (first, second)]
    grid = np.array([(a, b) for a in levels[0] for b in levels[1]])
    asked = np.tile(background, (len(grid), 1))
    asked[:, [first, second]] = np.repeat(grid, len(background), axis=0)
    means = model.predict(asked).reshape(len(grid), len(background)).mean(axis=1)
    return np.asarray(means.reshape(len(levels[0]), len(levels[1])))


def _complete(history: History) -> list[Trial]:
    return [trial for trial in history.trials if trial.state == "complete"][-_MOST:]
