"""Where a run's next configuration comes from: the opening, the planner's thoughts, the gate between the arms.
Knows planners and optimizers; must not know who shows the run.
"""
