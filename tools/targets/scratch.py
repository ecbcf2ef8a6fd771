"""Fresh directories for evaluations, removed afterwards, also when an earlier run was killed."""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def fresh_directory() -> Iterator[Path]:
    """Yield an empty directory (below TMPDIR) that is removed on leaving."""
    directory = Path(tempfile.mkdtemp(prefix=f"trimtab-{os.getpid()}-"))
    try:
        yield directory
    finally:
        _remove(directory)


def remove_leftovers() -> None:
    """Remove the directories of processes that are gone."""
    for directory in Path(tempfile.gettempdir()).glob("trimtab-*-*"):
        found = re.fullmatch(r"trimtab-(\d+)-\w+", directory.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            _remove(directory)


def _remove(directory: Path) -> None:
    def unlock(_function: object, path: str, _error: object) -> None:
        with suppress(OSError):
            parent = Path(path).parent
            parent.chmod(stat.S_IRWXU)
            Path(path).chmod(stat.S_IRWXU)
            if Path(path).is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    shutil.rmtree(directory, onerror=unlock)
