"""What is tried: a configuration, and an edit of the program where one goes with it."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from ..study.space import Configuration, key


@dataclass(frozen=True)
class Candidate:
    """What a trial tries. `patch` is the text of a code edit, None where the program stays as it is."""

    configuration: Configuration
    patch: str | None = None

    @cached_property
    def key(self) -> str:
        """Text that is equal for equal candidates."""
        if self.patch is None:
            return key(self.configuration)
        return f"{key(self.configuration)} {identity(self.patch)}"


def identity(patch: str) -> str:
    """Return text that is equal for edits that lead to the same program, whatever its comments and layout."""
    return _said(patch, "result") or hashlib.sha256(patch.encode()).hexdigest()


def branch(patch: str | None) -> str:
    """Return text that is equal for edits of one branch, whatever the values of its own parameters; '' without one."""
    return "" if patch is None else _said(patch, "branch") or identity(patch)


def _said(patch: str, name: str) -> str:
    try:
        found = json.loads(patch).get(name)
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""
