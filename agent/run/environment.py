"""What a result depends on beside the study: versions, revision, machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("trimtab", "optuna", "numpy", "scipy", "pydantic", "sqlalchemy", "langchain", "openai")


def describe_environment(directory: Path) -> dict[str, str | int | None]:
    """Return versions, the git revision of the study's folder (None outside a repository), and the machine."""
    facts: dict[str, str | int | None] = {name: _version(name) for name in _PACKAGES}
    facts |= {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "git": _revision(directory),
    }
    return facts


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision(directory: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
