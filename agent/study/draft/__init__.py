"""Drafts a study from what there is: a command, a program's help, a script, a configuration file, a schema.

Reads and guesses; runs nothing but a program's own `--help`, in the sandbox. Must not know who asks.
"""

from .draft import Draft, draft, draft_of_code

__all__ = ["Draft", "draft", "draft_of_code"]
