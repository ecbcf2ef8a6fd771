"""Chooses the planner: a model where one is configured or embedded, else the offline planner."""

from ..models.choice import resolve, why_none
from . import model
from .base import Planner, Setup
from .offline import OfflinePlanner


def build(setup: Setup) -> Planner:
    """Return the planner, which says why it was chosen."""
    if setup.replay is not None:
        return model.build(setup)
    resolved = resolve(setup.study.model)
    if resolved is None:
        return OfflinePlanner(f"catalogue and stored studies; {why_none(setup.study.model)}")
    return model.ModelPlanner(setup, resolved)
