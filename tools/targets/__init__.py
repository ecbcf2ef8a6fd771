"""Targets: how a configuration reaches a system and becomes a measurement. One module a kind.

A new kind is one module with a class like those here and one line in `TARGETS`, or, from another package,
an entry point in the group `trimtab.targets`.
"""

from .base import Candidate, Measurement, Phase, Target, TargetError, Watch, Workplace
from .evaluation import Evaluation
from .journal import Journal
from .kinds import TARGETS, AnyTarget, build_target, isolation_of
from .rendering.wording import Form, Wording
from .section import TargetSection

__all__ = [
    "TARGETS",
    "AnyTarget",
    "Candidate",
    "Evaluation",
    "Form",
    "Journal",
    "Measurement",
    "Phase",
    "Target",
    "TargetError",
    "TargetSection",
    "Watch",
    "Wording",
    "Workplace",
    "build_target",
    "isolation_of",
]
