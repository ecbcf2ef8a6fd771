"""Where the user's data is: the folder that platformdirs names, if this user has a usable one."""

import os
from pathlib import Path

from ..tools.errors import InputError

_HINT = "name a store with --store or TRIMTAB_STORE, or a folder with XDG_DATA_HOME"


def data_directory() -> Path:
    """Return (and create) the folder of the user's trimtab data.

    Raises:
        InputError: there is no home for it, or it cannot be created.
    """
    found = planned_directory()
    if found is None:
        raise InputError("there is no folder for trimtab's data: HOME is no absolute path", _HINT)
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder for trimtab's data, {found}, cannot be created: {error.strerror}"
        raise InputError(message, _HINT) from None
    return found


def planned_directory() -> Path | None:
    """Return where the user's data is, or would be; None when the user has no home."""
    from platformdirs import user_data_path

    named = os.environ.get("XDG_DATA_HOME") or os.environ.get("HOME", os.sep)
    if not Path(named).is_absolute():  # it would be another folder each time, or the system's
        return None
    return user_data_path("trimtab", appauthor=False)
