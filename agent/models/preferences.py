"""Which model and endpoint are meant: by option, environment, study, or the user's file, in this order.

Options reach this as environment or as the study's section. OPENAI_BASE_URL and OPENAI_MODEL belong to every program of
the user, so they fill in what a study leaves open; TRIMTAB_ENDPOINT and TRIMTAB_MODEL are about trimtab and come first.
"""

import os
from dataclasses import dataclass

from ..user_file import place, user_file
from .settings import ModelSection

ENDPOINT = "TRIMTAB_ENDPOINT"
MODEL = "TRIMTAB_MODEL"


@dataclass(frozen=True)
class Preferred:
    """What is meant, and who says so; None where nobody does."""

    value: str | None
    where: str = ""


def own_endpoint() -> Preferred:
    """Return the user's own endpoint, whatever studies say."""
    for name in (ENDPOINT, "OPENAI_BASE_URL"):
        if found := os.environ.get(name):
            return Preferred(found, name)
    found = user_file().endpoint
    return Preferred(found, str(place())) if found else Preferred(None)


def endpoint_of(section: ModelSection) -> str | None:
    """Return the endpoint of a study's model; of a provider's model only one that the study names itself."""
    provider, separator, _name = section.name.partition(":")
    if separator and provider != "openai":
        return section.base_url
    return os.environ.get(ENDPOINT) or section.base_url or own_endpoint().value


def preferred_model(section: ModelSection) -> Preferred:
    """Return the name of the model that is meant, None where it is found out by what is there."""
    if section.name != "auto":
        return Preferred(section.name, "asked for by name")
    if section.base_url is not None or any(
        os.environ.get(name) for name in (ENDPOINT, "OPENAI_BASE_URL", "OPENAI_MODEL")
    ):
        return Preferred(None)
    found = user_file().model
    return Preferred(found, f"named in {place()}") if found and found != "auto" else Preferred(None)
