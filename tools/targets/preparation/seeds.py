"""Finds the files of a study's folder that name the seeds of its final check: an evaluation must not know them."""

from contextlib import suppress
from pathlib import Path

_LONGEST = 1 << 20


def files_with_check_seeds(folder: Path) -> tuple[Path, ...]:
    """Return the TOML files directly in `folder` that mention check_seeds: the study file, and variants of it."""
    with suppress(OSError):
        return tuple(filter(_mentions_seeds, folder.glob("*.toml")))
    return ()


def _mentions_seeds(file: Path) -> bool:
    with suppress(OSError):
        return file.is_file() and file.stat().st_size <= _LONGEST and b"check_seeds" in file.read_bytes()
    return False
