"""Drafts a study from what there is: a command, a program's help, a script, a configuration file, a schema.

Reads and guesses; runs nothing but a program's own `--help`, in the sandbox. Must not know who asks.
"""

from .draft import Draft, draft

__all__ = ["Draft", "draft"]
