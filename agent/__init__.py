"""trimtab's public face. Everything is loaded on first use, so that importing the package costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Result, tune
    from .planner_sampler import PlannerSampler
    from .session import Session
    from .study import Study
    from .studyfile import load_study

__all__ = ["PlannerSampler", "Result", "Session", "Study", "load_study", "tune"]

_HOMES = {
    "PlannerSampler": ".planner_sampler",
    "Result": ".api",
    "tune": ".api",
    "Session": ".session",
    "Study": ".study",
    "load_study": ".studyfile",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
