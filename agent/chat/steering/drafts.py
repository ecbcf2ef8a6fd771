"""A first study file from what a person names, for the chat."""

from pathlib import Path

from ...study.draft import draft


def draft_from_command(command: str, metric: str = "seconds") -> str:
    """Return the text of a study file; see `study.draft`.

    Raises:
        InputError: there is nothing to tune in it.
    """
    return draft(command, Path.cwd(), metric=metric).text
