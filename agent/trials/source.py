"""Who proposed a trial. Must not know how anybody proposes."""

from dataclasses import dataclass
from typing import Literal, Self

SourceKind = Literal["default", "person", "planner", "stored", "sampler"]

_OFFLINE = "offline"


@dataclass(frozen=True)
class Source:
    """Who proposed: the configuration in use today, a person, a planner, what is stored, or a sampler.

    `name` is the planner's model or own name, or the sampler's name; 'offline' for what catalogue and memory know.
    """

    kind: SourceKind
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind

    @property
    def arm(self) -> str:
        """The gate's arm: a sampler by its name, everything else by its kind."""
        return self.name if self.kind == "sampler" else self.kind

    @property
    def is_advice(self) -> bool:
        """Whether it came from knowledge rather than from the optimizer."""
        return self.kind in {"person", "planner", "stored"}

    @property
    def label(self) -> str:
        """The word `source` of events and exports, where catalogue and memory count as a planner."""
        return "planner" if self.kind == "stored" else self.arm

    @property
    def author(self) -> str:
        """The word `author` of events: the planner's name, '' for everybody else."""
        return self.name if self.kind in {"planner", "stored"} else ""

    @classmethod
    def of(cls, label: str, author: str = "") -> Self:
        """Return the source that `label` and `author` stand for."""
        if label == "planner":
            return cls("stored" if author == _OFFLINE else "planner", author)
        if label == "default":
            return cls("default")
        return cls("person") if label == "person" else cls("sampler", label)


DEFAULT = Source("default")
PERSON = Source("person")
STORED = Source("stored", _OFFLINE)
