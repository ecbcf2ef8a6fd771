"""How an edited program is measured: guard, run and judge are processes apart. Must not know who edits."""
