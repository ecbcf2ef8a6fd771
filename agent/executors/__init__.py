"""Where evaluations run. `base` is the interface; `local` runs them on this machine."""
