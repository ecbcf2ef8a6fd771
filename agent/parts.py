"""The registries: which planners, samplers and pruners there are, by name. Nothing is imported before it is asked for.

A new part is one file in its room and one name here, or, from another package, an entry point in the group named here.
"""

from ..tools.plugins import Registry

_SAMPLERS = ("auto", "tpe", "gp", "kriging", "forest", "cmaes", "carbs", "nsga2", "nsga3", "qmc", "random")
_PRUNERS = ("hyperband", "halving", "iterative", "extrapolation", "median", "none")
_PLANNERS = ("auto", "model", "offline", "none")

PLANNERS = Registry("planner", "trimtab.planners", {name: f"trimtab.agent.planners.{name}:build" for name in _PLANNERS})
SAMPLERS = Registry(
    "sampler", "trimtab.samplers", {name: f"trimtab.agent.optimizers.{name}:build" for name in _SAMPLERS}
)
PRUNERS = Registry("pruner", "trimtab.pruners", {name: f"trimtab.agent.pruners.{name}:build" for name in _PRUNERS})
