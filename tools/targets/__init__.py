"""Targets: how a configuration reaches a system and becomes a measurement. One module a kind.

A new kind is one module with a class like those here and one line in `TARGETS`, or, from another package,
an entry point in the group `trimtab.targets`.
"""

from collections.abc import Callable

from ..plugins import Registry
from .base import Measurement, Target, Watch, Workplace
from .evaluation import Evaluation
from .wording import Form, Wording

__all__ = ["TARGETS", "Evaluation", "Form", "Measurement", "Target", "Watch", "Wording", "Workplace", "build_target"]

TARGETS: Registry[Callable[[Evaluation, Workplace], Target]] = Registry(
    "target",
    "trimtab.targets",
    {
        "command": f"{__name__}.command:CommandTarget",
        "python": f"{__name__}.python:PythonTarget",
    },
)


def build_target(evaluation: Evaluation, workplace: Workplace) -> Target:
    """Return the target that an evaluation section asks for, on this workplace."""
    return TARGETS[evaluation.target](evaluation, workplace)
