"""Classical strategies, one file each; every one builds an Optuna sampler that is usable alone.

A new one is a module with a function `build(setting: Setting) -> optuna.samplers.BaseSampler` and its name in
`SAMPLERS` (`trimtab.agent.parts`), or, from another package, an entry point in the group `trimtab.samplers`.
`mirror` keeps our trials as an Optuna study, `state` puts the sampler's state into words.
"""
