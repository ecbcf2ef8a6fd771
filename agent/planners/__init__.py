"""Planners: who proposes with knowledge of the system. One file each; the interface is in `base`.

A new one is a class with `name` and `propose`, and one line in `PLANNERS`, or, from another package, an entry
point in the group `trimtab.planners`. It is built without arguments.
"""

from ...tools.plugins import Registry

PLANNERS = Registry(
    "planner",
    "trimtab.planners",
    {
        "auto": f"{__name__}.offline:OfflinePlanner",
        "offline": f"{__name__}.offline:OfflinePlanner",
        "none": f"{__name__}.none:NoPlanner",
    },
)
