"""trimtab's public face. Everything is loaded on first use, so that importing the package costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Result, tune, tune_async
    from .planners.as_sampler import PlannerSampler
    from .run.session import Session
    from .study.file import load_study
    from .study.sections import Study

__all__ = ["PlannerSampler", "Result", "Session", "Study", "load_study", "tune", "tune_async"]

_HOMES = {
    "PlannerSampler": ".planners.as_sampler",
    "Result": ".api",
    "tune": ".api",
    "tune_async": ".api",
    "Session": ".run.session",
    "Study": ".study.sections",
    "load_study": ".study.file",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
