"""Is the result better, and why: the paired check and the ablation. Must not know the run that asks."""
