"""The search space: parameters with conditions and forbidden clauses, what they leave, and how to get there."""

from .share import Allowed
from .space import Change, Clause, Configuration, Draw, Repaired, Space, from_optuna, key

__all__ = [
    "Allowed",
    "Change",
    "Clause",
    "Configuration",
    "Draw",
    "Repaired",
    "Space",
    "from_optuna",
    "key",
]
