"""Puts edited files on a branch of a git repository as one commit, without touching the working tree or its index."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...tools.errors import InputError

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")


def commit_on_branch(
    folder: Path, branch: str, before: Mapping[str, str], changed: Mapping[str, str], message: str
) -> str:
    """Return the id of the new commit, the first one of the new branch `branch` after HEAD.

    Raises:
        InputError: there is no repository, the branch exists, or a file has changes that are not committed.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    _git(folder, "check-ref-format", "--branch", branch)
    if (
        subprocess.run(
            _command(folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"),
            capture_output=True,
            check=False,
        ).returncode
        == 0
    ):
        raise InputError(f"there is a branch {branch!r} already", "choose another name")
    with tempfile.TemporaryDirectory(prefix="trimtab-git-") as own:
        index = {"GIT_INDEX_FILE": str(Path(own) / "index")}
        _git(folder, "read-tree", "HEAD", **index)
        for name, text in changed.items():
            path = str((folder / name).resolve().relative_to(top.resolve()))
            if _git(folder, "show", f"HEAD:{path}") != before[name]:
                raise InputError(f"{path} has changes that are not committed", "commit them, or use --apply")
            mode = _git(folder, "ls-tree", "--full-tree", "HEAD", "--", path).split(maxsplit=1)[0]
            blob = _git(folder, "hash-object", "-w", "--stdin", given=text).strip()
            _git(folder, "update-index", "--cacheinfo", f"{mode},{blob},{path}", **index)
        tree = _git(folder, "write-tree", **index).strip()
    commit = _git(folder, "commit-tree", tree, "-p", "HEAD", "-m", message).strip()
    _git(folder, "branch", "--no-track", branch, commit)
    return commit


def _command(folder: Path, *words: str) -> list[str]:
    return ["git", *_SAFE, "-C", str(folder), *words]


def _git(folder: Path, *words: str, given: str | None = None, **environment: str) -> str:
    try:
        ended = subprocess.run(
            _command(folder, *words),
            input=None if given is None else given.encode(),
            capture_output=True,
            check=False,
            env={**os.environ, **environment},
        )
    except OSError:
        raise InputError("git is not installed", "use --apply, or install git") from None
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace").strip().splitlines() or [f"git {words[0]} failed"]
        raise InputError(f"{folder}: {said[-1]}", "use --apply instead, or mend the repository")
    return ended.stdout.decode(errors="surrogateescape")
