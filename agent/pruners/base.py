"""What a pruner is built from."""

from dataclasses import dataclass
from typing import Literal

Variant = Literal["efficient", "preserve", "discard"]


@dataclass(frozen=True)
class PruningSetting:
    """The first and the last step of an evaluation, the reduction factor, and the variant of `iterative`."""

    low: int = 1
    high: int = 81
    eta: int = 3
    variant: Variant = "efficient"
