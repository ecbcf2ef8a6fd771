"""Kinds of tasks, one file each: `build(card, dataset) -> Task`, and one line in `KINDS`."""
