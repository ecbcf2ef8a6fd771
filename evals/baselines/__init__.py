"""Other tools' optimizers with their own defaults, as samplers to compare with: `sampler = "optuna-tpe"` and so on.

They are entry points of the group `trimtab.samplers`, like those of any other package.
"""
