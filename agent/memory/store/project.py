"""Which project a study belongs to: memory is kept apart by it."""

from pathlib import Path


def project_of(directory: Path) -> str:
    """Return the folder of the repository that a study's folder is in; that folder itself outside of one."""
    here = directory.absolute()
    found = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    return str(found)
