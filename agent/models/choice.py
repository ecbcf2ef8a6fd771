"""Which model a run uses: the one that is named, a configured endpoint, the embedded one, or none; and why."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...tools.errors import InputError
from .endpoint.endpoints import ask_for_models, shown
from .endpoint.providers import Provider, install_hint, known_providers, provider_named
from .files import embedded_model
from .preferences import endpoint_of, preferred_model
from .settings import ModelSection, ResolvedModel

DEFAULT_OPENAI_MODEL = "gpt-4.1-mini"


@dataclass(frozen=True)
class Choice:
    """The model of a run; None with the reason when there is none."""

    model: ResolvedModel | None
    why_none: str = ""


def choose(section: ModelSection) -> Choice:
    """Return the model to use; 'none' is none. One that is asked for by name is there, or this says at once why not.

    Raises:
        InputError: the named model cannot be used here.
    """
    meant = preferred_model(section)
    if meant.value is None:
        return _automatic(section)
    if meant.value == "none":
        return Choice(None, f"no model: 'none' {meant.where}")
    section = section.model_copy(update={"name": meant.value})
    if section.name == "local":
        file = embedded_model()
        if file is None:
            raise InputError("model 'local' is not installed", "run: trimtab model pull")
        return Choice(_local(file, meant.where))
    if section.name.endswith(".gguf"):
        file = Path(section.name).expanduser()
        if not file.is_file():
            raise InputError(f"model file {section.name} does not exist", "name a GGUF file, or use 'local'")
        return Choice(_local(file.resolve(), f"a model file {meant.where}"))
    return Choice(_named(section, meant.where))


def key_of(model: ResolvedModel) -> str | None:
    """Return the key of a model's provider from the environment."""
    name = provider_named(model.provider).key
    return os.environ.get(name) or None if name else None


def _named(section: ModelSection, why: str) -> ResolvedModel:
    provider, separator, name = section.name.partition(":")
    if not separator:
        provider, name = "openai", section.name
    base_url = endpoint_of(section)
    model = ResolvedModel(provider, name, why, base_url)
    _check_package(model, provider_named(provider))
    known = provider_named(provider)
    if known.key and base_url is None and key_of(model) is None:
        raise InputError(f"model {model.label} needs a key", f"set {known.key} in the environment")
    address = base_url or known.address
    trouble = ask_for_models(address, key_of(model)).trouble if address else ""
    if trouble:
        raise InputError(f"model {model.label} at {shown(address or '')}: {trouble}", "is the address right?")
    return model


def _check_package(model: ResolvedModel, provider: Provider) -> None:
    if find_spec(provider.package) is not None:
        return
    if model.provider not in known_providers():
        known = ", ".join([*known_providers(), "local"])
        hint = f"known: {known}; others need LangChain's package {provider.package.replace('_', '-')}"
        raise InputError(f"model {model.label}: no provider {model.provider!r}", hint)
    raise InputError(f"model {model.label} needs the package {provider.package}", install_hint(provider))


def _automatic(section: ModelSection) -> Choice:
    """Look for the user's endpoint, then for the embedded model; what was tried and not used is said."""
    base_url = endpoint_of(section)
    named, key = os.environ.get("OPENAI_MODEL"), os.environ.get("OPENAI_API_KEY")
    tried = "no endpoint is configured"
    if base_url or key:
        address = base_url or provider_named("openai").address or ""
        answer = ask_for_models(address, key)
        name = named or (DEFAULT_OPENAI_MODEL if not base_url else next(iter(answer.models), None))
        if not answer.trouble and name is not None:
            why = f"the endpoint {shown(base_url)} is configured" if base_url else "OPENAI_API_KEY is set"
            return Choice(ResolvedModel("openai", name, why, base_url))
        trouble = answer.trouble or "it lists no model: set OPENAI_MODEL, or name one with --model"
        tried = f"the endpoint {shown(address)} was not used: {trouble}"
    file = embedded_model()
    if find_spec("xllamacpp") is None:
        return Choice(None, f"{tried}; the extra 'local' is not installed")
    if file is None:
        return Choice(None, f"{tried}; no embedded model: trimtab model pull")
    return Choice(_local(file, f"{tried}; the embedded model is installed"))


def _local(file: Path, why: str) -> ResolvedModel:
    if find_spec("xllamacpp") is None:
        raise InputError("the embedded model needs xllamacpp", "pip install 'trimtab[local]'")
    return ResolvedModel("local", file.stem, why, gguf=str(file))
