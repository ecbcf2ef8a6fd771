"""What is tried: a configuration, and an edit of the program where one goes with it."""

import hashlib
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
        return f"{key(self.configuration)} {hashlib.sha256(self.patch.encode()).hexdigest()}"
