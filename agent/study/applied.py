"""What `apply` replaced: the file before is kept, so that it can be brought back byte for byte."""

import base64
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from ...tools.errors import InputError
from ..place import data_directory
from .replace import replace_text


def keep(file: Path, written: str) -> None:
    """Keep a file as it is, before `written` replaces it; what an earlier `apply` kept stays, while its text is there.

    Raises:
        OSError: there is no room for it.
    """
    note = _note(file)
    now = file.read_bytes() if file.is_file() else None
    earlier = _read(note)
    if earlier is not None and now is not None and earlier["after"] == _digest(now):
        before = earlier["before"]
    else:
        before = None if now is None else base64.b64encode(now).decode()
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = note.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"file": str(file.resolve()), "before": before, "after": _digest(written.encode())}, out)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(note)


def before(file: Path) -> str | None:
    """Return what a file held before it was applied to; None when there was none.

    Raises:
        InputError: nothing was applied to it, it was changed since, or it held no text.
    """
    note = _read(_note(file))
    if note is None:
        raise InputError(f"{file}: nothing was applied to it, or it was reverted already", "see trimtab apply")
    now = file.read_bytes() if file.is_file() else b""
    if _digest(now) != note["after"]:
        raise InputError(f"{file} was changed since it was applied to", "mend it by hand: --show prints it as it was")
    return _text(file, note)


def kept(file: Path) -> str | None:
    """Return what `before` returns, whatever the file holds now.

    Raises:
        InputError: nothing was applied to it, or it held no text.
    """
    note = _read(_note(file))
    if note is None:
        raise InputError(f"{file}: nothing was applied to it, or it was reverted already", "see trimtab apply")
    return _text(file, note)


def revert(file: Path, text: str | None) -> None:
    """Bring a file back to what `before` told, and forget it.

    Raises:
        OSError: it cannot be written.
    """
    if text is None:
        file.unlink()
    else:
        replace_text(file, text)
    _note(file).unlink(missing_ok=True)


def _text(file: Path, note: dict[str, str | None]) -> str | None:
    if note["before"] is None:
        return None
    try:
        return base64.b64decode(note["before"]).decode()
    except ValueError:
        raise InputError(f"{file} held no text before", f"it is in {_note(file)}, in base64") from None


def _note(file: Path) -> Path:
    return data_directory() / "applied" / f"{_digest(str(file.resolve()).encode())[:24]}.json"


def _read(note: Path) -> dict[str, str | None] | None:
    with suppress(OSError, ValueError):
        found: dict[str, str | None] = json.loads(note.read_text(encoding="utf-8"))
        return found
    return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
