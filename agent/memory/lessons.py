"""Lessons: short statements of what helped or failed, with evidence and a record of what later studies say of them.

They are added, counted and retired, never rewritten; whoever deletes their study deletes them. `consolidation` makes
and judges them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.catalogue import machine_facts
from ...tools.expressions import Value
from ..study.sections import Study
from ..study.words import short
from .store import Store
from .store.lessons import StoredLesson
from .store.profiles import Profile

QUARANTINE = 0.2
"""A lesson that helps less surely than this is shown to nobody who tunes."""
_PRIOR = 0.5
"""Beta(1/2, 1/2), Jeffreys' prior: two refutations and nothing for it bring a lesson into quarantine."""
_YEAR_S = 365 * 86400.0
_OTHER_MACHINE = 0.8
_MOST = 8


@dataclass(frozen=True)
class Lesson:
    """A lesson for somebody who tunes: its number, parameter, what it says, and how sure it is, 0 to 1."""

    number: int
    parameter: str
    words: str
    confidence: float
    better: Value | None = None


def sureness(lesson: StoredLesson) -> float:
    """Return how probable it is that a lesson helps, by the studies that judged it: the mean of its Beta posterior."""
    return (_PRIOR + lesson.confirmed) / (2 * _PRIOR + lesson.confirmed + lesson.refuted)


def state_of(lesson: StoredLesson) -> str:
    """Return 'active', 'quarantined' or 'retired'."""
    if lesson.retired is not None:
        return "retired"
    return "quarantined" if sureness(lesson) < QUARANTINE else "active"


def words_of(lesson: StoredLesson) -> str:
    """Return what a lesson says, in one line."""
    said, name = lesson.statement, lesson.trait.partition(":")[0]
    if said.get("kind") == "fails":
        return f"{name} {said['side']} {short(said['value'])}: {said['failed']} of {said['of']} trials failed"
    interval = f"{said['ratio']:.3g}x ({said['low']:.3g} to {said['high']:.3g})"
    return f"{name} = {short(said['better'])} instead of {short(said['worse'])}: {said['metric']} {interval} better"


def contradicted(lesson: StoredLesson, others: Sequence[StoredLesson]) -> list[int]:
    """Return the numbers of the lessons that say the opposite of one."""
    said = lesson.statement
    return [
        each.number
        for each in others
        if (each.trait, each.aims) == (lesson.trait, lesson.aims)
        and said.get("kind") == each.statement.get("kind") == "helps"
        and (each.statement["better"], each.statement["worse"]) == (said["worse"], said["better"])
    ]


def lessons_for(store: Store, study: Study, project: str | None) -> list[Lesson]:
    """Return the lessons that speak of a study, the surest first: of one project where it is given."""
    now, found = time.time(), []
    for each in store.lessons(**scope_of(study)):
        elsewhere = project is not None and each.project != project
        if elsewhere or not is_of_system(each, study) or state_of(each) != "active":
            continue
        name = each.trait.partition(":")[0]
        better = each.statement.get("better")
        if better is not None and study.parameters[name].mend(better)[0] != better:
            continue  # its value lies outside of this study's range
        age = 0.5 ** ((now - each.created) / _YEAR_S)
        confidence = sureness(each) * age * (1.0 if _same_machine(each.statement) else _OTHER_MACHINE)
        found.append(Lesson(each.number, name, words_of(each), round(confidence, 3), better))
    return sorted(found, key=lambda each: -each.confidence)[:_MOST]


def scope_of(study: Study) -> dict[str, Any]:
    """Return by what the store finds the lessons that may speak of a study: its aims and its parameters' traits."""
    profile = Profile.of(study)
    return {"aims": profile.aims, "traits": profile.traits}


def is_of_system(lesson: StoredLesson, study: Study) -> bool:
    """Whether a lesson is of the study's system, or of any."""
    return lesson.system is None or lesson.system == study.study.system


def _same_machine(statement: Mapping[str, Any]) -> bool:
    """Whether a lesson was learned on a machine of about this size."""
    there, here = statement.get("machine") or {}, machine_facts()
    return all(0.5 <= float(here[name]) / float(there[name]) <= 2 for name in here if there.get(name))
