"""Chooses the planner: a model where one is configured or embedded, else the offline planner."""

from . import model
from .base import Planner, Setup
from .offline import OfflinePlanner


def build(setup: Setup) -> Planner:
    """Return the planner, which says why it was chosen."""
    if setup.recording is not None:
        return model.build(setup)
    found = model.choice(setup)
    if found.model is None:
        return OfflinePlanner(f"catalogue and stored studies; {found.why_none}")
    return model.ModelPlanner(setup, found.model)
