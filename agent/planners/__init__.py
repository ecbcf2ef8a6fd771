"""Planners: who proposes with knowledge of the system. One file each; the interface is in `base`.

A new one is a function `build(setup: Setup) -> Planner` and one line in `PLANNERS`, or, from another package, an
entry point in the group `trimtab.planners`.
"""

from ...tools.plugins import Registry

PLANNERS = Registry(
    "planner",
    "trimtab.planners",
    {
        "auto": f"{__name__}.auto:build",
        "model": f"{__name__}.model:build",
        "offline": f"{__name__}.offline:build",
        "none": f"{__name__}.none:build",
    },
)
