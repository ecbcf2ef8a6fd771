"""What trimtab would use of a user's preferences, and where each comes from: the end of `trimtab doctor`."""

import os
from dataclasses import dataclass

from ....tools.errors import InputError
from ...memory.store import default_url
from ...memory.store.db import shown_url
from ...models.endpoint.endpoints import shown
from ...models.preferences import MODEL, own_endpoint
from ...user_file import place, user_file


@dataclass(frozen=True)
class Preference:
    """A preference as it stands, and who says so."""

    name: str
    value: str
    where: str


def preferences() -> list[Preference]:
    """Return model, endpoint, store and trusted endpoints; what an option or a study says comes before or between.

    Raises:
        InputError: the user's file has a mistake.
    """
    file, said = str(place()), user_file()
    model = next((name for name in (MODEL, "OPENAI_MODEL") if os.environ.get(name)), "")
    endpoint = own_endpoint()
    return [
        Preference("model", os.environ.get(model, said.model or "auto"), model or (file if said.model else "default")),
        Preference("endpoint", shown(endpoint.value) if endpoint.value else "none", endpoint.where or "default"),
        _store(file, given=said.store is not None),
        Preference("trust", ", ".join(map(shown, said.trust)) or "none", file if said.trust else "default"),
    ]


def _store(file: str, *, given: bool) -> Preference:
    where = "TRIMTAB_STORE" if os.environ.get("TRIMTAB_STORE") else file if given else "default"
    try:
        return Preference("store", shown_url(default_url()), where)
    except InputError as error:  # no home: every command that needs a store says so, this one only shows it
        return Preference("store", error.message, where)


def lines() -> list[str]:
    """Return the preferences as lines for a person."""
    file = place()
    there = "" if file is not None and file.exists() else " (not there)"
    return [
        f"preferences, by option, environment, study, and {file}{there}:",
        *(f"  {each.name:<8}  {each.value} ({each.where})" for each in preferences()),
    ]
