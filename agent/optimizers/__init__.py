"""Classical strategies, one file each; every one builds an Optuna sampler that is usable alone.

A new one is a module with a function `build(setting: Setting) -> optuna.samplers.BaseSampler` and one line in
`SAMPLERS`, or, from another package, an entry point in the group `trimtab.samplers`.
"""

from ...tools.plugins import Registry

_BUILT_IN = ("auto", "tpe", "gp", "kriging", "forest", "cmaes", "carbs", "nsga2", "nsga3", "qmc", "random")

SAMPLERS = Registry(
    "sampler",
    "trimtab.samplers",
    {name: f"{__name__}.{name}:build" for name in _BUILT_IN},
)
