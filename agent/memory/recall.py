"""Finds stored studies that are similar to one, and the best of what they found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..study.sections import Study
from ..trials.history import History
from .rows import StoredStudy
from .store import Store

_SIMILAR_ENOUGH = 0.4


@dataclass(frozen=True)
class Recalled:
    """A similar study: how similar (0 to 1), and the best configuration it found."""

    key: str
    similarity: float
    configuration: Mapping[str, Any]
    metrics: Mapping[str, float]


def traits(study: Study) -> str:
    """Return what recall compares, as JSON text."""
    return json.dumps(
        {
            "system": study.study.system,
            "parameters": sorted(f"{name}:{p.type}:{p.unit}" for name, p in study.parameters.items()),
            "objectives": [each.identity for each in study.objectives],
        },
        sort_keys=True,
    )


def similarity(one: str, other: str) -> float:
    """Return how similar two traits are, 0 to 1: shared parameters over all, 0 when the objectives differ."""
    a, b = json.loads(one), json.loads(other)
    if a["objectives"] != b["objectives"]:
        return 0.0
    mine, theirs = set(a["parameters"]), set(b["parameters"])
    overlap = len(mine & theirs) / len(mine | theirs)
    same_system = a["system"] is not None and a["system"] == b["system"]
    return overlap if same_system else 0.8 * overlap


def recall(store: Store, study: Study, exclude: str | None = None, limit: int = 3) -> list[Recalled]:
    """Return the best configuration of each of the most similar studies, most similar and newest first."""
    mine = traits(study)
    scored = [(similarity(mine, other.traits), other) for other in store.studies() if other.key != exclude]
    near = [pair for pair in scored if pair[0] >= _SIMILAR_ENOUGH]
    near.sort(key=lambda pair: (-pair[0], -pair[1].id))
    found = []
    for score, other in near:
        best = _best(store, study, other)
        if best is not None:
            found.append(Recalled(other.key, score, best["configuration"], best["metrics"]))
        if len(found) == limit:
            break
    return found


def _best(store: Store, study: Study, other: StoredStudy) -> dict[str, Any] | None:
    """Return the other study's best trial by this study's objectives."""
    metrics = set(study.required_metrics)
    trials = [t for t in store.trials(other.id) if t.state == "complete" and metrics <= t.metrics.keys()]
    incumbent = History(study, trials).incumbent
    if incumbent is None:
        return None
    return {"configuration": incumbent.configuration, "metrics": incumbent.metrics}
