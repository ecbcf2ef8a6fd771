"""The `postgresql` target: a private cluster, or a server that is there, whose settings are tuned and put back.

It knows nothing of studies. `target` is the order of events, the other modules are one step of it each.
"""
