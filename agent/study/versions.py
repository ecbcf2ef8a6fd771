"""Versions of a study's definition as the store keeps it, and the steps that bring an old one up to date.

A new field with a default needs no step: old definitions are read with the default. Renaming, moving or removing a
field needs one: append a function that rewrites the old form as plain data. Steps are append-only: one that was
released is never changed, and it must bear definitions that lack what it looks for.
"""

import copy
from collections.abc import Callable
from typing import Any

Definition = dict[str, Any]
"""A study as plain data: the sections of its file, without defaults that were never said."""

UPGRADES: list[Callable[[Definition], Definition]] = []
"""The step at index n brings version n + 1 to n + 2; each may change what it is given."""

VERSION = len(UPGRADES) + 1
"""The version that is written today."""


def upgraded(definition: Definition, version: int) -> Definition:
    """Return a definition of some version in today's form; one of a newer version as it is."""
    found = copy.deepcopy(definition)
    for step in UPGRADES[version - 1 :]:
        found = step(found)
    return found
