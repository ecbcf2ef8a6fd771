"""What memory has for a study at its start: similar studies, what they measured, and lessons. It is read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..study.sections import Study
from .lessons import Lesson, lessons_for
from .past import Past, past_of
from .recall import SIMILAR_ENOUGH, Recalled, recall
from .store import Store
from .store.profiles import Profile

_STUDIES, _TRIALS = 20, 1000
"""How many similar studies are asked where to begin, and how many of their trials are read."""


@dataclass(frozen=True)
class Recollection:
    """What memory has for a study: the best of similar studies, lessons, and all that similar studies measured.

    Empty where the study uses no memory, or there is none.
    """

    similar: tuple[Recalled, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    past: tuple[Past, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Recollection":
        """Return one from plain data, as `dataclasses.asdict` gives it."""
        return cls(
            tuple(Recalled(**each) for each in data.get("similar", ())),
            tuple(Lesson(**each) for each in data.get("lessons", ())),
            tuple(Past(**each) for each in data.get("past", ())),
        )


@dataclass(frozen=True)
class Asking:
    """Who asks: the key of the study itself, which is left out, and its project; None asks all projects."""

    key: str | None = None
    project: str | None = None
    reads: bool = True


def recollect(store: Store, study: Study, asking: Asking) -> Recollection:
    """Return what memory has for a study; nothing where it does not read."""
    if not asking.reads:
        return Recollection()
    similar = tuple(recall(store, study, exclude=asking.key, project=asking.project))
    lessons = tuple(lessons_for(store, study, asking.project))
    near = list(islice(store.similar(Profile.of(study), SIMILAR_ENOUGH, asking.key, asking.project), _STUDIES))
    trials = store.ended_trials([each.id for each in near], _TRIALS)
    past = tuple(past_of(study, each, trials.get(each.id, [])) for each in near)
    return Recollection(similar, lessons, past)
