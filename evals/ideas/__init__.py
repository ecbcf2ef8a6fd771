"""Recorded ideas of a strong model on measured tables; the README says how they came to be."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def ideas_of(task: str) -> Path | None:
    """Return the file of recorded ideas for a task, None where there is none."""
    path = _FOLDER / f"{Path(task).name}.json"
    return path if path.is_file() else None
