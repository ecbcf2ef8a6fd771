"""Finds stored studies that are similar to one, and the best of what they found."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..study.sections import Study
from ..trials.history import History
from ..trials.trial import Trial
from .store import Store
from .store.profiles import Profile

SIMILAR_ENOUGH = 0.4


@dataclass(frozen=True)
class Recalled:
    """A similar study: how similar (0 to 1), and the best configuration it found."""

    key: str
    similarity: float
    configuration: Mapping[str, Any]
    metrics: Mapping[str, float]


def recall(
    store: Store, study: Study, exclude: str | None = None, limit: int = 3, project: str | None = None
) -> list[Recalled]:
    """Return the best configuration of each of the most similar studies, most similar and newest first.

    `exclude` is the key of a study that is left out; with a `project`, only its studies are asked.
    """
    found: list[Recalled] = []
    others = store.similar(Profile.of(study), SIMILAR_ENOUGH, exclude, project)
    while batch := list(islice(others, limit - len(found))):
        trials = store.complete_trials([other.id for other in batch])
        for other in batch:
            best = _best(study, trials.get(other.id, []))
            if best is not None:
                found.append(Recalled(other.key, other.similarity, best.configuration, best.metrics))
    return found


def _best(study: Study, trials: list[Trial]) -> Trial | None:
    """Return the best of another study's complete trials by this study's objectives."""
    metrics, history = set(study.required_metrics), History(study)
    for trial in trials:
        if metrics <= trial.metrics.keys():
            history.update(trial)
    return history.incumbent
