"""Planners: who proposes with knowledge of the system. One file each; the interface is in `base`.

A new one is a function `build(setup: Setup) -> Planner` and its name in `PLANNERS` (`trimtab.agent.parts`), or, from
another package, an entry point in the group `trimtab.planners`.
"""
