"""What a target must undo, on the disk before it is done, so that a later process can undo it after a kill."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import TrimtabError


class JournalError(TrimtabError):
    """A journal could not be written or read: nothing may be changed then."""


class Journal:
    """The notes of one worker. Without a `path` they last as long as this process.

    `header` is what a later process needs to build the target again; it is written with the first note. `left` are
    lines about what was not undone because somebody else had changed it; they last as long as this process.
    """

    def __init__(self, path: Path | None = None, header: Mapping[str, Any] | None = None) -> None:
        """Take up the notes that are there.

        Raises:
            JournalError: the file cannot be read.
        """
        self.path, self.header = path, dict(header or {})
        self._notes: dict[str, Any] = {}
        self.left: list[str] = []
        if path is not None and path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                self.header, self._notes = dict(found["header"]), dict(found["notes"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise JournalError(f"{path} cannot be read: {error}", "look at it, then remove it") from None

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was noted and is not undone yet."""
        return self._notes

    def note(self, name: str, value: Any) -> None:  # what JSON can hold
        """Note how something was, before the first change of it; a later note of the same name is ignored.

        Raises:
            JournalError: it could not be written to the disk.
        """
        if name not in self._notes:
            self._notes[name] = value
            try:
                self._write()
            except JournalError:
                del self._notes[name]
                raise

    def replace(self, name: str, value: Any) -> None:  # as above
        """Note something anew: what it was before is forgotten.

        Raises:
            JournalError: it could not be written to the disk; the earlier note stays.
        """
        before = {**self._notes}
        self._notes[name] = value
        try:
            self._write()
        except JournalError:
            self._notes = before
            raise

    def undone(self, name: str) -> None:
        """Forget one note: what it tells was undone."""
        if name in self._notes:
            del self._notes[name]
            if self._notes:
                self._write()
            else:
                self.clear()

    def clear(self) -> None:
        """Forget the notes: what they tell was undone."""
        self._notes = {}
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there is more in it, or it was never made
                self.path.parent.rmdir()

    def _write(self) -> None:
        """Write all notes; whoever reads the file finds the old ones or the new ones, also after a power cut."""
        if self.path is None:
            return
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump({"header": self.header, "notes": self._notes}, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            _sync(self.path.parent)
        except (OSError, TypeError, ValueError) as error:
            raise JournalError(f"{self.path} cannot be written: {error}") from None


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
