"""The registries: which planners, samplers, pruners and executors there are, by name; imported when they are asked for.

A new part is one file in its room and one name here, or, from another package, an entry point in the group named here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..tools.plugins import Registry

if TYPE_CHECKING:  # the rooms of the parts know the study, whose rules know these names
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from .executors.base import Kind
    from .optimizers.base import Setting
    from .planners.base import Planner, Setup
    from .pruners.base import PruningSetting

_SAMPLERS = ("auto", "tpe", "gp", "kriging", "forest", "cmaes", "carbs", "nsga2", "nsga3", "qmc", "random")
_PRUNERS = ("hyperband", "halving", "iterative", "extrapolation", "median", "none")
_EXECUTORS = ("local", "ray")
_PLANNERS = ("auto", "model", "offline", "recorded", "client", "none")

PLANNERS: "Registry[Callable[[Setup], Planner]]" = Registry(
    "planner", "trimtab.planners", {name: f"trimtab.agent.planners.{name}:build" for name in _PLANNERS}
)
SAMPLERS: "Registry[Callable[[Setting], BaseSampler]]" = Registry(
    "sampler", "trimtab.samplers", {name: f"trimtab.agent.optimizers.{name}:build" for name in _SAMPLERS}
)
PRUNERS: "Registry[Callable[[PruningSetting], BasePruner]]" = Registry(
    "pruner", "trimtab.pruners", {name: f"trimtab.agent.pruners.{name}:build" for name in _PRUNERS}
)
EXECUTORS: "Registry[Kind]" = Registry(
    "executor", "trimtab.executors", {name: f"trimtab.agent.executors.{name}:KIND" for name in _EXECUTORS}
)
