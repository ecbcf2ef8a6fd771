"""What an evaluation must never see: the store, the journals, and the user's data."""

from pathlib import Path

from ..memory.store import Store
from ..place import planned_directory
from .journals import journal_folder


def out_of_sight(store: Store) -> tuple[Path, ...]:
    """Return the files and folders."""
    planned = planned_directory()
    return (*store.files, journal_folder(store), *(() if planned is None else (planned,)))
