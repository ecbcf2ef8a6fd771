"""What a user set once for all studies: `config.toml` in the user's configuration folder.

It fills in what neither an option, nor the environment, nor the study says. Keys stay in the environment.
"""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..tools.errors import InputError
from ..tools.spelling import did_you_mean

Text = Annotated[str, Field(min_length=1)]


class UserFile(BaseModel):
    """The fields of the user's configuration file; each may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Text | None = Field(None, description="The model of studies that say 'auto', as with --model.")
    endpoint: Text | None = Field(None, description="An OpenAI-compatible endpoint of yours.")
    store: Text | None = Field(None, description="SQLAlchemy URL of the store.")
    trust: list[Text] = Field([], description="Endpoints that a study file may name.")
    agents_write: list[Text] = Field(
        [],
        description="Files that agents may write a proved result to without asking you: names or paths, with * and ?.",
    )


def place() -> Path | None:
    """Return where the file is, or would be; None when this user has no home."""
    named = os.environ.get("XDG_CONFIG_HOME")
    if named and Path(named).is_absolute():
        return Path(named) / "trimtab" / "config.toml"
    home = os.environ.get("HOME", os.sep)
    return Path(home) / ".config" / "trimtab" / "config.toml" if Path(home).is_absolute() else None


def user_file() -> UserFile:
    """Return what the user's file says; nothing where there is none.

    Raises:
        InputError: it cannot be read, or says something that it cannot say.
    """
    file = place()
    try:
        text = file.read_bytes() if file is not None else None
    except (FileNotFoundError, NotADirectoryError):
        text = None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}", "mend it, or move it away") from None
    return UserFile() if text is None else _parsed(str(file), text)


@lru_cache(maxsize=4)
def _parsed(file: str, text: bytes) -> UserFile:
    try:
        return UserFile.model_validate(tomllib.loads(text.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file}: not TOML: {error}", 'write name = "value" lines') from None
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        field = ".".join(map(str, found["loc"]))
        if found["type"] == "extra_forbidden":
            known = list(UserFile.model_fields)
            hint = did_you_mean(field, known, otherwise=f": there are {', '.join(known)}; keys stay in the environment")
            raise InputError(f"{file}: {field}: unknown field{hint}") from None
        raise InputError(f"{file}: {field}: {found['msg']}, not {str(found.get('input'))[:60]!r}") from None
