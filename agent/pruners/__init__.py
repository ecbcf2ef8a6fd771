"""Pruners: which evaluations are stopped early, by the intermediate values they print. One file each.

A new one is a module with a function `build(setting: PruningSetting) -> optuna.pruners.BasePruner` and its name in
`PRUNERS` (`trimtab.agent.parts`), or, from another package, an entry point in the group `trimtab.pruners`. With the
sampler `tpe`, `hyperband` is BOHB (Falkner et al., ICML 2018): TPE inside each bracket.
"""
