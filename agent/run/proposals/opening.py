"""Starts a study in the store, picks up the latest one of its name, or looks at one that is there."""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....tools.errors import InputError
from ....tools.targets.section import ProgramSection, shorthand
from ...memory.recall import SIMILAR_ENOUGH
from ...memory.recollection import Asking
from ...memory.store import Store
from ...memory.store.profiles import Profile
from ...memory.store.project import project_of
from ...memory.store.rows import StoredStudy
from ...study.sections import Study
from ...study.stored import Place, Reading, read_definition, shown
from ...study.versions import VERSION
from ...trials.grown import fitted
from ...trials.history import History
from ..environment import describe_environment

LOTTERY_SHARE = 0.1
"""How many of the studies that take part in the lottery run without memory."""

_MAY_CHANGE = {
    "budget": None,
    "planner": None,
    "memory": None,
    "model": None,
    "sampler": None,
    "check": None,
    "approval": None,
    "executor": None,
    "apply": None,
    "gate": None,
    "focus": None,
    "fidelity": {"high", "pruner", "variant"},
    "study": {"title", "description"},
    "target": {"teardown"},
    "evaluation": {"workers", "pin_cpus", "check_seeds", "max_repeats", "stop_slow", "retries", "retry_on"},
}


_RANGE = {"low", "high", "step", "log", "choices", "description"}
"""What may change of a parameter: values that are no longer allowed do not count, all others stay."""


@dataclass(frozen=True)
class Found:
    """A stored study with its trials, to look at. `left_out` names what of its definition is not understood today;
    where it is not `comparable`, which of its trials is best cannot be told.
    """

    stored: StoredStudy
    study: Study
    history: History
    left_out: list[str]
    comparable: bool


def definition(study: Study) -> dict[str, Any]:
    """Return a study as plain data, the way the store keeps it."""
    return study.model_dump(mode="json", exclude_none=True)


def start_study(store: Store, study: Study) -> StoredStudy:
    """Add a study to the store, owned by this process; where it may, chance decides whether it uses its memory."""
    memory: str = study.memory.use
    if memory == "on" and study.memory.lottery and has_memory(store, study) and random.random() < LOTTERY_SHARE:
        memory = "lottery"
    return store.create_study(
        study.name,
        definition(study),
        str(study.directory),
        Profile.of(study) if study.memory.use == "on" else None,
        dict(describe_environment(study.directory)),
        memory,
    )


def has_memory(store: Store, study: Study) -> bool:
    """Whether there are studies like this one to learn from."""
    project = None if study.memory.shared else project_of(study.directory)
    return next(store.similar(Profile.of(study), SIMILAR_ENOUGH, project=project), None) is not None


def asking(study: Study, stored: StoredStudy) -> Asking:
    """Return how a study asks memory."""
    reads = study.planner.recall and study.memory.use != "off" and stored.memory != "lottery"
    return Asking(stored.key, None if study.memory.shared else stored.project, reads)


def find_study(store: Store, key: str) -> Found:
    """Return a stored study, whatever version of trimtab wrote it.

    Raises:
        InputError: there is no such study.
    """
    stored = store.study(key)
    reading = _reading(stored)
    trials = store.trials(stored.id)
    if not reading.left_out:
        trials = fitted(trials, reading.study.space)
    history = History(reading.study, trials if reading.comparable else ())
    if not reading.comparable:
        for trial in trials:
            history.add(trial)
    return Found(stored, reading.study, history, reading.left_out, reading.comparable)


def resume_study(store: Store, study: Study, key: str | None = None) -> StoredStudy:
    """Take over the stored study of this key, or the latest one of the study's name.

    Raises:
        InputError: there is none, it is being run, or what it measures has changed since.
    """
    stored = store.study(key) if key is not None else store.latest(study.name)
    if stored is None:
        raise InputError(f"no study named {study.name!r} in the store", "run it without --resume first")
    if stored.definition_version > VERSION:
        raise InputError(f"cannot resume {stored.key}: a newer trimtab wrote it", "update trimtab")
    before = _reading(stored)
    unreadable = [shown(place) for place in before.unreadable if not _is_free(place)]
    if unreadable:
        message = f"cannot resume {stored.key}: of what it measured, this trimtab cannot read {', '.join(unreadable)}"
        raise InputError(message, "start anew without --resume")
    changed = _changed(_meaning(before.study), _meaning(study))
    if changed:
        message = f"cannot resume {stored.key}: {', '.join(changed)} changed since, so its trials no longer compare"
        raise InputError(message, "undo the change, or start anew without --resume")
    store.acquire(stored.id)
    store.set_definition(stored.id, definition(study))
    taken = store.study(stored.key)
    return taken if _same_check(before.study, study) else replace(taken, result=None)


def _same_check(before: Study, study: Study) -> bool:
    """Whether a stored result answers what is asked today."""
    return before.check == study.check and before.evaluation.check_seeds == study.evaluation.check_seeds


def _reading(stored: StoredStudy) -> Reading:
    return read_definition(stored.definition, stored.definition_version, Path(stored.directory))


def _is_free(place: Place) -> bool:
    """Whether a field may differ between the runs of one study."""
    free = _MAY_CHANGE.get(str(place[0]), set())
    return free is None or (len(place) > 1 and place[1] in free)


def _meaning(study: Study) -> dict[str, Any]:
    """Return a study as plain data, alike for what means the same: a program in [target] or in [evaluation]."""
    data = study.model_dump(mode="json")
    section = study.target or shorthand(study.evaluation)
    data["evaluation"] = study.program.model_dump(mode="json")
    data["target"] = section.model_dump(mode="json") if section is not None else {}
    if data["target"].get("code") is not None:
        for name in ("send", "branches"):  # who may see the source, and what is tried next, change no result
            del data["target"]["code"][name]
    if isinstance(section, ProgramSection):
        data["target"] = {name: value for name, value in data["target"].items() if name not in section.FIELDS}
    return data


def _changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the fields that differ and matter for what a trial measures, from definitions with all defaults."""
    found: list[str] = []
    added = new["parameters"].keys() - old["parameters"].keys()
    for section, after in new.items():
        before = old[section]
        if section == "forbidden" and after[: len(before)] == before:
            continue  # more may be forbidden; what was measured there stays measured
        if isinstance(before, dict) and isinstance(after, dict):
            places: list[Place] = [
                (section, name)
                for name in {**before, **after}
                if before.get(name) != after.get(name)
                and not _only_grown(section, name, before.get(name), after.get(name), added)
            ]
        else:
            places = [(section,)] if before != after else []
        found += [shown(place) for place in places if not _is_free(place)]
    return found


def _only_grown(section: str, name: str, before: Any, after: Any, added: Collection[str]) -> bool:
    """Whether a field differs in a way that leaves what was measured: another range, a new parameter and its place."""
    if section == "parameters":
        same = before is not None and after is not None
        return name in added or (same and _without(before, _RANGE) == _without(after, _RANGE))
    if section == "derived":
        return before is None
    mentioned = [f"{{{each}}}" for each in added]
    if name == "command" and section in {"evaluation", "target"} and before and after:
        kept = iter(word for word in after if not any(place in word for place in mentioned))
        return bool(added) and all(word in kept for word in before)
    if name == "environment" and section in {"evaluation", "target"}:
        old, new = before or {}, after or {}
        return all(new.get(each) == value for each, value in old.items()) and all(
            any(place in new[each] for place in mentioned) for each in new.keys() - old.keys()
        )
    return section == "files" and bool(added)


def _without(parameter: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in parameter.items() if name not in fields}
