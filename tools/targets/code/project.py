"""The program that may be edited, as it stands on the disk: its files, and those of them that a planner may touch.

What looks like a secret, what .gitignore names and what is no plain file is left out: neither copied nor shown.
"""

import fnmatch
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ...errors import InputError
from ...expressions import Value
from .constants import with_constants
from .edits import EditError, Rules, apply, changed_lines, difference, edits_of, regions_in
from .section import CodeSection

_SECRET_NAMES = (".env*", "*.pem", "*.key", "id_*", "*secret*", "*credential*", ".netrc", ".npmrc", ".pypirc")
_SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
    rb"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{30,}"
)
_SKIPPED = {".git", "__pycache__", ".venv", "venv", "node_modules", ".hg", ".svn", ".mypy_cache", ".pytest_cache"}
_MOST_FILES, _MOST_BYTES, _LONGEST = 5_000, 100 << 20, 256 << 10


@dataclass(frozen=True)
class Project:
    """`files` are all that are copied, `editable` texts that may be edited, `left_out` what is kept out, and why."""

    section: CodeSection
    folder: Path
    files: tuple[str, ...]
    editable: Mapping[str, str]
    left_out: Mapping[str, str]

    @classmethod
    def read(cls, section: CodeSection, study_directory: Path) -> "Project":
        """Read the project.

        Raises:
            InputError: it is not there, is too large, or nothing in it may be edited.
        """
        folder = (study_directory / section.project).resolve()
        if not folder.is_dir():
            raise InputError(f"code.project: there is no folder {folder}")
        files, left_out = _files(folder)
        editable: dict[str, str] = {}
        for pattern in section.editable:
            named = [name for name in files if fnmatch.fnmatchcase(name, pattern.removeprefix("./"))]
            if not named:
                why = next((f": {each}" for name, each in left_out.items() if fnmatch.fnmatchcase(name, pattern)), "")
                raise InputError(f"code.editable: {pattern!r} names no file of {folder}{why}")
            editable |= {name: _text(folder, name) for name in named}
        return cls(section, folder, tuple(files), editable, left_out)

    @property
    def rules(self) -> Rules:
        """What may be edited, and how much."""
        return Rules(self.editable, self.section.max_files, self.section.max_lines)

    @property
    def base(self) -> str:
        """A fingerprint of all files."""
        found = sha256()
        for name in self.files:
            found.update(name.encode() + b"\0" + sha256((self.folder / name).read_bytes()).digest())
        return found.hexdigest()

    def text(self, name: str, patch: str | None = None) -> str:
        """Return the text of a file, edited where a patch says so.

        Raises:
            EditError: it is no text file of the project.
        """
        if name in self.editable:
            return self.edited(patch)[name]
        if name not in self.files:
            raise EditError(f"there is no file {name[:80]!r} to read", f"there are {', '.join(self.files[:20])}")
        try:
            return _text(self.folder, name)
        except InputError as error:
            raise EditError(error.message) from None

    def edited(self, patch: str | None, constants: Mapping[str, Value] | None = None) -> dict[str, str]:
        """Return the files that may be edited, after a patch, with constants (FILE:NAME) at other values.

        Raises:
            EditError: it cannot be made: the project is not as it was, or a constant is not there.
        """
        return with_constants(apply(edits_of(patch), self.editable), constants or {})

    def changed(self, patch: str | None) -> dict[str, int]:
        """Return the files that a patch changes, each with how many lines.

        Raises:
            EditError: it cannot be made.
        """
        after = self.edited(patch)
        return {name: changed_lines(text, after[name]) for name, text in self.editable.items() if text != after[name]}

    def difference(self, patch: str | None) -> str:
        """Return what a patch changes, as a unified diff.

        Raises:
            EditError: it cannot be made.
        """
        return difference(self.editable, self.edited(patch))

    def copy_to(self, folder: Path, patch: str | None, constants: Mapping[str, Value] | None = None) -> None:
        """Write the project with a patch and constants into an empty folder, readable for everybody.

        Raises:
            EditError: the patch cannot be made.
            OSError: there is no room.
        """
        texts = self.edited(patch, constants)
        folder.chmod(0o755)
        for name in self.files:
            to = folder / name
            for parent in reversed(to.relative_to(folder).parents[:-1]):
                (folder / parent).mkdir(exist_ok=True)
                (folder / parent).chmod(0o755)
            mode = stat.S_IMODE((self.folder / name).stat().st_mode)
            if name in texts:
                to.write_text(texts[name], encoding="utf-8", newline="")
            else:
                shutil.copyfile(self.folder / name, to)
            to.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _text(folder: Path, name: str) -> str:
    data = (folder / name).read_bytes()
    if len(data) > _LONGEST:
        raise InputError(f"{folder / name} has {len(data)} bytes", f"at most {_LONGEST} can be shown and edited")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{folder / name} is not UTF-8 text") from None
    try:
        regions_in(text)
    except EditError as error:
        raise InputError(f"{folder / name}: {error.message}") from None
    return text


def _files(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the names of the files that are copied, and why others are left out."""
    found: list[str] = []
    left_out: dict[str, str] = {}
    size = 0
    allowed = _not_ignored(folder)
    for name in _walk(folder):
        path = folder / name
        status = path.lstat()
        if any(fnmatch.fnmatch(path.name.lower(), pattern) for pattern in _SECRET_NAMES):
            left_out[name] = "its name is that of a secret"
        elif not stat.S_ISREG(status.st_mode):
            left_out[name] = "it is no plain file"
        elif allowed is not None and name not in allowed:
            left_out[name] = ".gitignore names it"
        elif status.st_size <= 1 << 20 and _SECRET_TEXT.search(path.read_bytes()):
            left_out[name] = "it holds what looks like a key"
        else:
            found.append(name)
            size += status.st_size
        if len(found) > _MOST_FILES or size > _MOST_BYTES:
            raise InputError(
                f"code.project {folder} has more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB",
                "name a smaller folder: it is copied for every edit",
            )
    return found, left_out


def _walk(folder: Path) -> Iterator[str]:
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _SKIPPED)
        links = [each for each in folders if (Path(top) / each).is_symlink()]
        folders[:] = [each for each in folders if each not in links]
        yield from (str((Path(top) / each).relative_to(folder)) for each in sorted([*names, *links]))


def _not_ignored(folder: Path) -> set[str] | None:
    """Return the files that no .gitignore names; None where there is none to ask.

    Raises:
        InputError: there is one, and git, which reads it, is not there.
    """
    inside = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if inside is None and not any(folder.rglob(".gitignore")):
        return None
    safe = ["git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*"]
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    with tempfile.TemporaryDirectory(prefix="trimtab-git-") as own:
        try:
            found = _run([*safe, "-C", str(folder), *listing]) if inside is not None else None
            if found is None:
                _run([*safe, "init", "--quiet", "--bare", own])
                found = _run([*safe, f"--git-dir={own}", f"--work-tree={folder}", "-C", str(folder), *listing])
        except OSError:
            found = None
    if found is None:
        raise InputError(f"code.project: {folder} has a .gitignore, and git cannot read it", "install git")
    return {each for each in os.fsdecode(found).split("\0") if each}


def _run(command: list[str]) -> bytes | None:
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return ended.stdout if ended.returncode == 0 else None
