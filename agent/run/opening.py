"""Starts a study in the store, or picks up the latest one of its name."""

from typing import Any

from ...tools.errors import InputError
from ..memory.recall import traits
from ..memory.rows import StoredStudy
from ..memory.store import Store
from ..study.sections import Study
from .environment import describe_environment

_MAY_CHANGE = {
    "budget": None,
    "planner": None,
    "model": None,
    "sampler": None,
    "check": None,
    "apply": None,
    "gate": None,
    "focus": None,
    "fidelity": {"high", "pruner", "variant"},
    "study": {"description"},
    "evaluation": {"workers", "pin_cpus", "check_seeds", "max_repeats"},
}


def definition(study: Study) -> dict[str, Any]:
    """Return a study as plain data, the way the store keeps it."""
    return study.model_dump(mode="json", exclude_none=True)


def start_study(store: Store, study: Study) -> StoredStudy:
    """Add a study to the store, owned by this process."""
    return store.create_study(
        study.name,
        definition(study),
        str(study.directory),
        traits(study),
        dict(describe_environment(study.directory)),
    )


def resume_study(store: Store, study: Study) -> StoredStudy:
    """Take over the latest stored study of this name.

    Raises:
        InputError: there is none, it is being run, or what it measures has changed since.
    """
    found = store.studies(study.name)
    if not found:
        raise InputError(f"no study named {study.name!r} in the store", "run it without --resume first")
    stored = found[0]
    changed = _changed(stored.definition, definition(study))
    if changed:
        message = f"cannot resume {stored.key}: {', '.join(changed)} changed since, so its trials no longer compare"
        raise InputError(message, "undo the change, or start anew without --resume")
    store.acquire(stored.id)
    store.set_definition(stored.id, definition(study))
    return stored


def _changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the fields that differ and matter for what a trial measures."""
    found = []
    for section in {**old, **new}:
        free = _MAY_CHANGE.get(section, set())
        if free is None:
            continue
        before, after = old.get(section), new.get(section)
        if isinstance(before, dict) and isinstance(after, dict):
            fields = [name for name in {**before, **after} if name not in free]
            found += [f"{section}.{name}" for name in fields if before.get(name) != after.get(name)]
        elif section == "forbidden" and (after or [])[: len(before or [])] == (before or []):
            continue  # more may be forbidden; what was measured there stays measured
        elif before != after:
            found.append(section)
    return found
